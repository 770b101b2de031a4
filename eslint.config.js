import js from '@eslint/js'
import importSort from 'eslint-plugin-simple-import-sort'
import tseslint from 'typescript-eslint'

/** Which of our own packages each part may import: the arrows of docs/architecture.md. */
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
/** What tests may import besides the arrows of their package, `testing`, and, where `db` is allowed, `checker`. */
const testsAlsoImport = { 'packages/sdk': ['core'], 'packages/db': ['embedded-postgres'] }
/** Programs that run Spark in processes of its own. */
const programsMayImport = {
  e2e: ['api', 'core', 'db', 'embedded-postgres', 'engine', 'runtime', 'checker', 'sdk', 'testing', 'worker'],
  bench: ['embedded-postgres', 'sdk', 'testing'],
}
/** Files beside the code that only tests use. */
const FOR_TESTS = ['**/*.test.ts', 'packages/testing/**', '**/testing.ts', '**/src/testing/**']
/** Libraries that one package alone may import. */
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

/** Forbids every package of ours except `own` and `allowed`. */
const onlyOurs = (who, allowed, own) =>
  ours
    .filter((name) => name !== own && !allowed.includes(name))
    .map((name) => ({
      regex: `^@automagik-spark/${name}(/|$)`,
      message: `${who} may import only: ${allowed.join(', ') || 'nothing of ours'}.`,
    }))
const BY_NAME = {
  regex: '^(\\.\\./)+((packages|apps)/|[a-z-]+/(src|test|dist)/)',
  message: 'Import another package by its name.',
}
const restricted = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns: [...patterns, BY_NAME] }] })

const arrowsOf = ([dir, allowed]) => {
  const own = dir.split('/')[1]
  const inTests = [
    ...allowed,
    'testing',
    ...(allowed.includes('db') ? ['checker'] : []),
    ...(testsAlsoImport[dir] ?? []),
  ]
  return [
    {
      files: [`${dir}/**/*.ts`],
      rules: restricted(...onlyOurs(`A test of ${dir}`, inTests, own)),
    },
    {
      files: [`${dir}/src/**/*.ts`],
      ignores: FOR_TESTS,
      rules: restricted(
        ...onlyOurs(dir, allowed, own),
        { regex: '^@automagik-spark/.*/testing$', message: 'Only tests may import it.' },
        ...Object.entries(ownedBy)
          .filter(([, owner]) => owner !== dir)
          .map(([lib, owner]) => ({ regex: `^${lib}(/|$)`, message: `Only ${owner} imports ${lib}.` })),
        ...(dir === 'packages/core' ? [{ regex: '^node:', message: 'core is pure: no Node imports.' }] : []),
      ),
    },
  ]
}
const arrows = [
  ...Object.entries(mayImport).flatMap(arrowsOf),
  ...Object.entries(programsMayImport).map(([dir, allowed]) => ({
    files: [`${dir}/**/*.{ts,mjs}`],
    rules: restricted(...onlyOurs(dir, allowed)),
  })),
]

/** File names are in kebab-case and say what is in the file. */
const fileNames = {
  create: (context) => ({
    Program(node) {
      const name = context.filename.split(/[\\/]/).at(-1)
      if (!/^\.?[a-z0-9]+([-.][a-z0-9]+)*$/.test(name))
        context.report({ node, message: 'Name the file in kebab-case.' })
      if (/^(utils?|helpers?|types)\./.test(name)) context.report({ node, message: 'Name the file by what is in it.' })
    },
  }),
}

const EVERYWHERE = [
  { selector: 'ExportAllDeclaration', message: 'Export by name.' },
  { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
  {
    selector:
      ':matches(ImportDeclaration, ExportNamedDeclaration)[source.value=/^\\.{1,2}\\u002f(?!.*\\.(ts|mjs|js|json)$)/]',
    message: 'Write the extension of the file.',
  },
  {
    selector: ':matches(TSTypeAliasDeclaration, ClassDeclaration)[id.name=/^I[A-Z][a-z]|Impl$|Manager$/]',
    message: 'Name a type by what it is, without I-, -Impl or Manager.',
  },
]
const IN_PRODUCT = [
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'Time comes from the injected Clock.',
  },
]

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '**/generated/**',
      'packages/sdk/src/contract-types.ts',
      '**/.turbo/**',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    plugins: { 'import-sort': importSort, spark: { rules: { 'file-names': fileNames } } },
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
      'no-restricted-syntax': ['error', ...EVERYWHERE],
      '@typescript-eslint/consistent-type-definitions': ['error', 'type'],
      '@typescript-eslint/no-shadow': ['error', { allow: ['_'] }],
      'spark/file-names': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
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
      'no-restricted-syntax': ['error', ...EVERYWHERE, ...IN_PRODUCT],
      'max-lines': ['error', 400],
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
