import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/**
 * PatternFly's base sheet brings its own font files and background pictures. The page uses the system's fonts, and an
 * appliance ships no megabyte of typefaces: both are taken out before the sheet is bundled.
 */
function withoutPatternFlyFonts(): Plugin {
  return {
    name: 'without-patternfly-fonts',
    enforce: 'pre',
    transform(code, id) {
      if (!id.includes('@patternfly') || !/\.css(\?|$)/.test(id)) return null;
      return {
        code: code
          .replace(/@font-face\s*\{[^}]*\}/g, '')
          .replace(/url\("\.\/assets\/images\/[^"]*"\)/g, 'none'),
        map: null,
      };
    },
  };
}

/** The appliance (or the mock server) that answers the API while the page is developed. */
const appliance = process.env.AMORCE_API ?? 'http://127.0.0.1:4180';

export default defineConfig({
  plugins: [withoutPatternFlyFonts(), react()],
  build: {
    target: 'es2022',
    // Nothing inline: the content security policy allows neither data: addresses nor inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 1500,
  },
  server: { proxy: { '/api': { target: appliance, secure: false } } },
  test: {
    environment: 'jsdom',
    include: ['page/**/*.test.{ts,tsx}'],
    css: false,
    restoreMocks: true,
  },
});
