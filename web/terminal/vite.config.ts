import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { chineseOnly } from './fonts.ts';

const root = import.meta.dirname;

export default defineConfig({
  root,
  base: '/',
  plugins: [chineseFont(), svelte(), apiReader(), documentFont()],
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

/** See fonts.ts: Chinese characters alone, in the one format that every browser reads. */
function chineseFont(): Plugin {
  return {
    name: 'chinese-font',
    enforce: 'pre',
    transform(code, id) {
      if (!id.includes('@fontsource') || !id.includes('.css')) return null;
      return { code: chineseOnly(code), map: null };
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

/**
 * The server draws documents with the same font and embeds what each needs of it. It reads WOFF, which Python can
 * unpack by itself: the whole font of common characters in two weights, and the slices that hold the rare ones.
 */
function documentFont(): Plugin {
  return {
    name: 'document-font',
    apply: 'build',
    closeBundle() {
      const source = dirname(createRequire(import.meta.url).resolve('@fontsource/noto-sans-sc/package.json'));
      const target = join(root, '../static/fonts');
      mkdirSync(target, { recursive: true });
      for (const name of ['LICENSE', 'unicode.json']) copyFileSync(join(source, name), join(target, name));
      const wanted =
        /^noto-sans-sc-(chinese-simplified-(400|600)|(\d+|cyrillic|latin-ext|vietnamese)-400)-normal\.woff$/;
      for (const name of readdirSync(join(source, 'files')))
        if (wanted.test(name)) copyFileSync(join(source, 'files', name), join(target, name));
    },
  };
}
