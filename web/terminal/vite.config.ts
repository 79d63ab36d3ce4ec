import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;

export default defineConfig({
  root,
  base: '/',
  plugins: [woff2Only(), svelte(), apiReader()],
  build: {
    outDir: '../static/terminal',
    emptyOutDir: true,
    target: 'es2022',
    // The content security policy admits no data: addresses, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The chart library is most of the size and changes least.
    chunkSizeWarningLimit: 700,
  },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
});

/** The font package names a .woff beside every .woff2; no browser that runs this program wants one. */
function woff2Only(): Plugin {
  return {
    name: 'woff2-only',
    enforce: 'pre',
    transform(code, id) {
      if (!id.includes('@fontsource') || !id.includes('.css')) return null;
      return { code: code.replace(/,\s*url\([^)]*\.woff\)\s*format\(['"]woff['"]\)/g, ''), map: null };
    },
  };
}

/** The page that reads the API description is the server's; the reader itself comes from its npm package. */
function apiReader(): Plugin {
  return {
    name: 'api-reader',
    apply: 'build',
    closeBundle() {
      const source = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
      const target = join(root, '../static/docs');
      mkdirSync(target, { recursive: true });
      for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js'])
        copyFileSync(join(source, name), join(target, name));
    },
  };
}
