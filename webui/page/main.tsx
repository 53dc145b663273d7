/** Where the page begins. */
import '@patternfly/react-core/dist/styles/base.css';
import './style.css';
import './lists.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Application } from './application';
import { takeOneTimeCode } from './entry/one-time-code';
import { followColourScheme } from './layout/colour-scheme';

takeOneTimeCode();
followColourScheme();
const root = document.getElementById('root');
if (root === null) throw new Error('the document has no place for the page');
createRoot(root).render(
  <StrictMode>
    <Application />
  </StrictMode>,
);
