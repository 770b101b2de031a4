import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { DomainError } from '@automagik-spark/core'
import type { Express, Response } from 'express'

const BASE = '/api/v1'
export const docsPaths = { openapi: `${BASE}/openapi.json`, swagger: `${BASE}/docs`, redoc: `${BASE}/redoc` } as const

type Page = { type: string; load(): Promise<Buffer>; csp?: string }

const JS = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const HTML = 'text/html; charset=utf-8'

const dependency = createRequire(import.meta.url)
/** ReDoc's package brings a framework along, so the build copies the one file of it that is needed; the sources take it from the package. */
const redocBundle = (): string => {
  const built = fileURLToPath(new URL('./redoc.standalone.js', import.meta.url))
  return existsSync(built) ? built : dependency.resolve('redoc/bundles/redoc.standalone.js')
}

const fixed = (type: string, text: string, csp?: string): Page => {
  const bytes = Buffer.from(text)
  return { type, load: async () => bytes, ...(csp ? { csp } : {}) }
}
/** Read when it is first asked for, then kept: these files are megabytes that most processes never serve. */
const file = (type: string, find: () => string): Page => {
  let bytes: Promise<Buffer> | undefined
  const read = async () => {
    try {
      return await readFile(find())
    } catch (error) {
      bytes = undefined
      throw error
    }
  }
  return { type, load: () => (bytes ??= read()) }
}

const policy = (more: Record<string, string>) =>
  Object.entries({
    'default-src': "'none'", 'script-src': "'self'", 'connect-src': "'self'", 'base-uri': "'none'", 'form-action': "'none'", 'frame-ancestors': "'none'", ...more,
  }).map(([name, value]) => `${name} ${value}`).join('; ')

const html = (title: string, styles: string, body: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" type="image/png" href="${docsPaths.swagger}/favicon-32x32.png">
${styles}</head>
<body>
${body}
</body>
</html>
`

const swaggerPage = html(
  'Spark API',
  `<link rel="stylesheet" href="${docsPaths.swagger}/swagger-ui.css">\n`,
  `<div id="swagger-ui"></div>
<script src="${docsPaths.swagger}/swagger-ui-bundle.js"></script>
<script src="${docsPaths.swagger}/start.js"></script>`,
)
// Without `validatorUrl: null` the page would send the document's address to a public server.
const swaggerStart = `SwaggerUIBundle({
  url: '${docsPaths.openapi}',
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'list',
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
})
`
const redocPage = html(
  'Spark API',
  '<style>body { margin: 0 }</style>\n',
  `<div id="redoc"></div>
<script src="${docsPaths.redoc}/redoc.standalone.js"></script>
<script src="${docsPaths.redoc}/start.js"></script>`,
)
const redocStart = `Redoc.init('${docsPaths.openapi}', { hideDownloadButton: false }, document.getElementById('redoc'))
`

const swagger = (name: string) => () => dependency.resolve(`swagger-ui-dist/${name}`)

/** Both documentation pages, whole: nothing on them comes from another host. */
const makePages = (openApiText: () => string): Record<string, Page> => ({
  [docsPaths.openapi]: { type: 'application/json; charset=utf-8', load: async () => Buffer.from(openApiText()) },
  // Both libraries set styles from scripts.
  [docsPaths.swagger]: fixed(HTML, swaggerPage, policy({ 'style-src': "'self' 'unsafe-inline'", 'img-src': "'self' data:" })),
  [`${docsPaths.swagger}/start.js`]: fixed(JS, swaggerStart),
  [`${docsPaths.swagger}/swagger-ui.css`]: file(CSS, swagger('swagger-ui.css')),
  [`${docsPaths.swagger}/swagger-ui-bundle.js`]: file(JS, swagger('swagger-ui-bundle.js')),
  [`${docsPaths.swagger}/favicon-32x32.png`]: file('image/png', swagger('favicon-32x32.png')),
  [docsPaths.redoc]: fixed(HTML, redocPage, policy({ 'style-src': "'self' 'unsafe-inline'", 'img-src': "'self' data:", 'worker-src': 'blob:' })),
  [`${docsPaths.redoc}/start.js`]: fixed(JS, redocStart),
  [`${docsPaths.redoc}/redoc.standalone.js`]: file(JS, redocBundle),
})

const ASSET_SECONDS = 3600

const sendPage = async (res: Response, { type, load, csp }: Page, isAsset: boolean): Promise<void> => {
  const bytes = await load()
  res.writeHead(200, {
    'Content-Type': type,
    'Content-Length': bytes.length,
    'Referrer-Policy': 'no-referrer',
    ...(isAsset ? { 'Cache-Control': `public, max-age=${ASSET_SECONDS}` } : {}),
    ...(csp ? { 'Content-Security-Policy': csp } : {}),
  })
  res.end(bytes)
}

/** The documentation paths; `openPaths` are those that answer without a key: all of them. */
export const makeDocs = (openApiText: () => string) => {
  const pages = makePages(openApiText)
  return {
    openPaths: Object.keys(pages),
    mount(app: Express): void {
      for (const [path, page] of Object.entries(pages)) {
        const isAsset = path !== docsPaths.openapi && page.csp === undefined
        app.route(path).all((req, res) => {
          if (req.method === 'GET' || req.method === 'HEAD') return sendPage(res, page, isAsset)
          res.setHeader('Allow', 'GET, HEAD')
          throw new DomainError('method_not_allowed', `Method ${req.method} is not allowed here; allowed: GET, HEAD`)
        })
      }
    },
  }
}
