/** Of ReDoc one finished file is served (apps/api/tsup.config.ts); what its package needs to be built into a React application stays out. */
export const hooks = {
  readPackage: (manifest) =>
    manifest.name === 'redoc' ? { ...manifest, dependencies: {}, peerDependencies: {} } : manifest,
}
