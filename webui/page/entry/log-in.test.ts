import { expect, test } from 'vitest';
import { oneTimeCode, takeOneTimeCode } from './one-time-code';
import { placeAfter } from './log-in';

test('after logging in nobody is sent to another site', () => {
  for (const next of ['https://elsewhere.example', '//elsewhere.example', '/\\elsewhere.example', 'javascript:alert(1)', '', null]) {
    expect(placeAfter(next)).toBe('/');
  }
  expect(placeAfter('/jobs/1?x=2')).toBe('/jobs/1?x=2');
});

test('the one-time code is taken out of the address at once', () => {
  window.history.replaceState(null, '', '/#code=AB%20CD');
  takeOneTimeCode();
  expect(oneTimeCode()).toBe('AB CD');
  expect(window.location.hash).toBe('');
});
