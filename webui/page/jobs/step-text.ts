/** A step in words. */
import type { Step } from '../api/types';
import { useLanguage } from '../language/language';

/** Returns a function that puts steps into words. */
export function useStepText(): (step: Step) => string {
  const { t } = useLanguage();
  return (step) => {
    switch (step.kind) {
      case 'capture':
        if (step.as_raw === true) return t('step.capture-raw', { master: step.master });
        if (step.drop_hibernation === true) return t('step.capture-cut', { master: step.master });
        return t('step.capture', { master: step.master });
      case 'restore':
        return step.master.version === undefined || step.master.version === null
          ? t('step.restore', { master: step.master.name })
          : t('step.restore-version', { master: step.master.name, version: step.master.version });
      case 'inspect':
        return t('step.inspect');
      case 'wake':
        return t('step.wake');
      case 'reboot':
        return t('step.reboot');
      case 'power-off':
        return t('step.power-off');
    }
  };
}
