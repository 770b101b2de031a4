import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { DomainError } from '@automagik-spark/core'
import type { Express, Request, Response } from 'express'
import { prefixOf } from './prefix.ts'

const BASE = '/api/v1'
export const docsPaths = { openapi: `${BASE}/openapi.json`, swagger: `${BASE}/docs`, redoc: `${BASE}/redoc` } as const

type Page = { type: string; load(): Promise<Buffer>; csp?: string }

const JS = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const HTML = 'text/html; charset=utf-8'

const dependency = createRequire(import.meta.url)
/** ReDoc's package brings a framework, so the build copies the one file that is needed; from source it is taken from the package. */
const redocBundle = (): string => {
  const built = fileURLToPath(new URL('./redoc.standalone.js', import.meta.url))
  return existsSync(built) ? built : dependency.resolve('redoc/bundles/redoc.standalone.js')
}

const fixed = (type: string, text: string, csp?: string): Page => {
  const bytes = Buffer.from(text)
  return { type, load: async () => bytes, ...(csp ? { csp } : {}) }
}
/** Read on the first request, then kept: these files are megabytes that most processes never serve. */
const file = (type: string, find: () => string, change?: (text: string) => string): Page => {
  let bytes: Promise<Buffer> | undefined
  const read = async () => {
    try {
      const content = await readFile(find())
      return change ? Buffer.from(change(content.toString('utf8'))) : content
    } catch (error) {
      bytes = undefined
      throw error
    }
  }
  return { type, load: () => (bytes ??= read()) }
}

const policy = (more: Record<string, string>) =>
  Object.entries({
    'default-src': "'none'",
    'script-src': "'self'",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...more,
  })
    .map(([name, value]) => `${name} ${value}`)
    .join('; ')

/** `BASE` stands for the folder of the page's files: the page cannot know under which path its reader sees it. */
const html = (title: string, styles: string, body: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" type="image/png" href="BASEicon.png">
${styles}</head>
<body>
${body}
</body>
</html>
`

const swaggerPage = html(
  'Spark API',
  `<link rel="stylesheet" href="BASEswagger-ui.css">\n`,
  `<div id="swagger-ui"></div>
<script src="BASEswagger-ui-bundle.js"></script>
<script src="BASEstart.js"></script>`,
)
/** Finds the document and the API from the script's own address, so it is right below any path that a proxy adds. */
const withDocument = (start: string) => `const here = new URL('../openapi.json', document.currentScript.src)
fetch(here).then((answer) => answer.json()).then((spec) => {
  spec.servers = [{ url: new URL('../..', here).href.replace(/\\/$/, '') }]
  ${start}
}).catch((error) => { document.body.textContent = 'The documentation cannot be shown: ' + error.message })
`
// Without `validatorUrl: null` the page would send the document's address to a public server.
const swaggerStart = withDocument(`SwaggerUIBundle({
  spec,
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'list',
  tryItOutEnabled: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  validatorUrl: null,
})`)
const redocPage = html(
  'Spark API',
  '<style>body { margin: 0 }</style>\n',
  `<div id="redoc"></div>
<script src="BASEredoc.standalone.js"></script>
<script src="BASEstart.js"></script>`,
)
const redocStart = withDocument(`Redoc.init(spec, { hideDownloadButton: false }, document.getElementById('redoc'))`)
/** The only thing that ReDoc loads from another host: the picture beside its name. It is left out. */
const REDOC_PICTURE = 'https://cdn.redoc.ly/redoc/logo-mini.svg'

const swagger = (name: string) => () => dependency.resolve(`swagger-ui-dist/${name}`)

/** Both documentation pages. Nothing on them comes from another host. */
const makePages = (): Record<string, Page> => ({
  // Both libraries set styles from scripts.
  [docsPaths.swagger]: fixed(
    HTML,
    swaggerPage,
    policy({ 'style-src': "'self' 'unsafe-inline'", 'img-src': "'self' data:" }),
  ),
  [`${docsPaths.swagger}/start.js`]: fixed(JS, swaggerStart),
  [`${docsPaths.swagger}/swagger-ui.css`]: file(CSS, swagger('swagger-ui.css')),
  [`${docsPaths.swagger}/swagger-ui-bundle.js`]: file(JS, swagger('swagger-ui-bundle.js')),
  [`${docsPaths.swagger}/icon.png`]: file('image/png', swagger('favicon-32x32.png')),
  [`${docsPaths.redoc}/icon.png`]: file('image/png', swagger('favicon-32x32.png')),
  [docsPaths.redoc]: fixed(
    HTML,
    redocPage,
    policy({ 'style-src': "'self' 'unsafe-inline'", 'img-src': "'self' data:", 'worker-src': 'blob:' }),
  ),
  [`${docsPaths.redoc}/start.js`]: fixed(JS, redocStart),
  [`${docsPaths.redoc}/redoc.standalone.js`]: file(JS, redocBundle, (text) => text.replaceAll(REDOC_PICTURE, 'data:,')),
})

const ASSET_SECONDS = 3600

const sendPage = async (req: Request, res: Response, { type, load, csp }: Page, isAsset: boolean): Promise<void> => {
  let bytes = await load()
  if (csp) bytes = Buffer.from(bytes.toString('utf8').replaceAll('BASE', folderOf(req)))
  res.writeHead(200, {
    'Content-Type': type,
    'Content-Length': bytes.length,
    'Referrer-Policy': 'no-referrer',
    ...(isAsset ? { 'Cache-Control': `public, max-age=${ASSET_SECONDS}` } : {}),
    ...(csp ? { 'Content-Security-Policy': csp } : {}),
  })
  res.end(bytes)
}

/** The folder of a page's files, relative to the page; a page with a slash at its end is in that folder. */
const folderOf = ({ path }: Request): string =>
  path.endsWith('/') ? './' : `./${path.slice(path.lastIndexOf('/') + 1)}/`

/** The documentation paths. `openPaths` need no key: all of them. */
export const makeDocs = (openApiText: (prefix: string) => string) => {
  const pages = makePages()
  return {
    openPaths: [docsPaths.openapi, ...Object.keys(pages)],
    mount(app: Express): void {
      const serve = (path: string, answer: (req: Request, res: Response) => Promise<void>) =>
        app.route(path).all((req, res) => {
          if (req.method === 'GET' || req.method === 'HEAD') return answer(req, res)
          res.setHeader('Allow', 'GET, HEAD')
          throw new DomainError('method_not_allowed', `Method ${req.method} is not allowed here; allowed: GET, HEAD`)
        })
      for (const [path, page] of Object.entries(pages))
        serve(path, (req, res) => sendPage(req, res, page, page.csp === undefined))
      const document = (res: Response): Page => ({
        type: 'application/json; charset=utf-8',
        load: async () => Buffer.from(openApiText(prefixOf(res))),
      })
      serve(docsPaths.openapi, (req, res) => sendPage(req, res, document(res), false))
    },
  }
}
