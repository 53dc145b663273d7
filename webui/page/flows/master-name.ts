/** What a master may be called: the same rule as the appliance's, said before anything is sent. */

/** What is wrong with a name; nothing if it may be used. */
export function masterNameFault(name: string): 'empty' | 'characters' | 'dot' | null {
  if (name === '') return 'empty';
  if (name.startsWith('.')) return 'dot';
  if (/[\u0000-\u001f\u007f-\u009f/\\@]/.test(name)) return 'characters';
  return null;
}
