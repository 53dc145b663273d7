/** What may be asked for so that a refused capture goes ahead, each with what it means. Nothing if nothing would help. */
import { Checkbox, FormGroup } from '@patternfly/react-core';
import { useLanguage } from '../language/language';
import type { CaptureOption } from '../machines/disk-contents';

interface Wish {
  /** What would help. */
  offered: CaptureOption[];
  /** What was ticked. */
  chosen: CaptureOption[];
  choose: (chosen: CaptureOption[]) => void;
}

/** A box for each option; none is ticked before a person does. */
export function CaptureOptions({ offered, chosen, choose }: Wish) {
  const { t } = useLanguage();
  if (offered.length === 0) return null;
  return (
    <FormGroup role="group" isStack fieldId="capture-options" label={t('capture.options')}>
      <p className="amorce-quiet">{t('capture.options-about')}</p>
      {offered.map((option) => (
        <Checkbox
          key={option}
          id={`capture-option-${option}`}
          label={t(`capture.option.${option}`)}
          description={t(`capture.option.${option}.about`)}
          isChecked={chosen.includes(option)}
          onChange={(_, ticked) => choose(offered.filter((one) => (one === option ? ticked : chosen.includes(one))))}
        />
      ))}
    </FormGroup>
  );
}
