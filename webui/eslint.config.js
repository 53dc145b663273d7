import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'page/api/schema.d.ts'] },
  ...tseslint.configs.recommended,
  reactHooks.configs.flat.recommended,
  {
    files: ['page/**/*.{ts,tsx}'],
    ignores: ['page/**/*.test.{ts,tsx}', 'page/layout/measure.tsx'],
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'JSXText[value=/[A-Za-zÀ-ÿ]{2,}/]',
          message: 'words shown to people stand in page/language, in both languages',
        },
        {
          selector: 'JSXAttribute[name.name=/^(aria-label|title|label|placeholder|alt)$/] > Literal[value=/[A-Za-zÀ-ÿ]{2,}/]',
          message: 'words shown to people stand in page/language, in both languages',
        },
        {
          selector: 'JSXAttribute[name.name="style"]',
          message: 'sizes and colours stand in style.css; computed ones go through page/layout/measure.tsx',
        },
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'text from machines is never markup',
        },
      ],
    },
  },
);
