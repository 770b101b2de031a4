import js from '@eslint/js'
import importSort from 'eslint-plugin-simple-import-sort'
import tseslint from 'typescript-eslint'

/** Which of our own packages each part may import: the arrows of docs/architecture.md. Tests may also use `testing` and the sdk. */
const mayImport = {
  'packages/core': [],
  'packages/db': ['core'],
  'packages/adapters': ['core'],
  'packages/embedded-postgres': [],
  'packages/engine': ['core', 'db', 'adapters'],
  'packages/runtime': ['core', 'db', 'adapters', 'engine', 'embedded-postgres'],
  'packages/checker': ['core', 'db'],
  'packages/sdk': [],
  'packages/testing': [],
  'apps/api': ['core', 'engine', 'runtime'],
  'apps/worker': ['core', 'db', 'adapters', 'engine', 'runtime'],
  'apps/cli': ['core', 'sdk', 'runtime', 'api', 'worker'],
}
const ours = [
  'core',
  'db',
  'embedded-postgres',
  'adapters',
  'engine',
  'runtime',
  'checker',
  'sdk',
  'testing',
  'api',
  'worker',
]
/** What only tests use, though it lies beside the code. */
const FOR_TESTS = ['**/*.test.ts', 'packages/testing/**', '**/testing.ts', '**/src/testing/**']
/** Libraries that belong to one place. */
const ownedBy = {
  '@prisma/client': 'packages/db',
  '@prisma/adapter-pg': 'packages/db',
  'embedded-postgres': 'packages/embedded-postgres',
  agenda: 'packages/engine',
  mongodb: 'packages/engine',
  '@agendajs/mongo-backend': 'packages/engine',
  '@agendajs/postgres-backend': 'packages/engine',
  undici: 'packages/adapters',
  express: 'apps/api',
  commander: 'apps/cli',
  croner: 'packages/core',
}

const arrows = Object.entries(mayImport).map(([dir, allowed]) => ({
  files: [`${dir}/src/**/*.ts`],
  ignores: FOR_TESTS,
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...ours
            .filter((name) => !allowed.includes(name) && dir.split('/')[1] !== name)
            .map((name) => ({
              group: [`@automagik-spark/${name}`, `@automagik-spark/${name}/*`],
              message: `${dir} may import only: ${allowed.join(', ') || 'nothing of ours'}.`,
            })),
          ...Object.entries(ownedBy)
            .filter(([, owner]) => owner !== dir)
            .map(([lib, owner]) => ({
              regex: `^${lib}(/|$)`,
              message: `Only ${owner} imports ${lib}.`,
            })),
          ...(dir === 'packages/core' ? [{ group: ['node:*'], message: 'core is pure: no Node imports.' }] : []),
        ],
      },
    ],
  },
}))

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/generated/**', '**/.turbo/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    plugins: { 'import-sort': importSort },
    rules: {
      'import-sort/imports': ['error', { groups: [['^node:', '^@?\\w', '^\\.']] }],
      'import-sort/exports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'Export by name.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
      ],
    },
  },
  {
    files: ['{packages,apps}/*/src/**/*.ts'],
    ignores: FOR_TESTS,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time comes from the injected Clock.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'Time comes from the injected Clock.',
        },
        { selector: 'ExportAllDeclaration', message: 'Export by name.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
      ],
    },
  },
  {
    files: ['**/src/**/*.ts'],
    ignores: ['**/main.ts', ...FOR_TESTS],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'Only main.ts reads the process; pass values in.' },
      ],
    },
  },
  { files: ['**/*.config.{ts,js}', 'eslint.config.js'], rules: { 'no-restricted-exports': 'off' } },
  {
    files: ['**/*.{mjs,js}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        AbortSignal: 'readonly',
        performance: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
  ...arrows,
  {
    files: ['packages/checker/src/oracle.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['*'], message: 'The oracle judges what decides: nothing of it may be imported.' }] },
      ],
    },
  },
)
