/** What an entry does, in one line. */
import type { EntryAction } from '../api/types';
import { useStepText } from '../jobs/step-text';
import { useLanguage } from '../language/language';

/** Returns a function that says it. */
export function useActionText(): (action: EntryAction) => string {
  const { t } = useLanguage();
  const stepText = useStepText();
  return (action) => {
    const kind = t(`entry.kind.${action.kind}`);
    if (action.kind === 'job') return action.steps.map((step) => stepText(step)).join(', ');
    if (action.kind === 'kernel') return `${kind} (${action.kernel})`;
    if (action.kind === 'program' || action.kind === 'disk-image') return `${kind} (${action.file})`;
    if (action.kind === 'windows') return `${kind} (${action.folder})`;
    if (action.kind === 'other-server') return `${kind} (${action.server})`;
    return kind;
  };
}
