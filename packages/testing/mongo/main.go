// A server that speaks MongoDB's protocol and keeps its data in PostgreSQL, for tests only.
//
// It reads the PostgreSQL URL as the first line of its standard input (an argument would show in the process list), prints its
// own address as the only line on standard output, and ends when the input does: so it never outlives a test that was killed.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
	"github.com/jackc/pgx/v5"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "spark-test-mongo:", err)
		os.Exit(1)
	}
}

func run() error {
	stdin := bufio.NewReader(os.Stdin)
	line, err := stdin.ReadString('\n')
	if err != nil {
		return fmt.Errorf("expected a PostgreSQL URL as the first line of the input: %w", err)
	}

	postgresURL := strings.TrimSpace(line)
	if err := reach(postgresURL); err != nil {
		return err
	}

	server, err := ferretdb.New(&ferretdb.Config{
		Listener:      ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:        slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:       "postgresql",
		PostgreSQLURL: postgresURL,
	})
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		stop()
	}()

	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	fmt.Println(server.MongoDBURI()) // blocks until the listener is up
	return <-stopped
}

// FerretDB connects with the first query; whoever starts a test wants to know at once.
func reach(postgresURL string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, postgresURL)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
