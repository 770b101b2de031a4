#!/usr/bin/env node
// Not built, so that installing can link it in a clone that is not built yet.
import '../dist/main.js'
