/** Remarks in words, each with what to do about it. */
import { List, ListItem } from '@patternfly/react-core';
import { useLanguage } from '../language/language';
import { CheckCircleIcon, ExclamationCircleIcon, ExclamationTriangleIcon, InfoCircleIcon } from '../layout/icons';
import { useProblemText } from '../language/problem';
import type { PreflightRemark } from '../api/types';
import type { Remark } from './preflight';

const ICONS = { stop: ExclamationCircleIcon, warning: ExclamationTriangleIcon, note: InfoCircleIcon } as const;

/** The list; "ready" when there is nothing to say. */
export function Remarks({ remarks, further = [] }: { remarks: Remark[]; further?: readonly PreflightRemark[] }) {
  const { t, format } = useLanguage();
  if (remarks.length + further.length === 0) {
    return (
      <span className="amorce-remark amorce-remark-ready">
        <CheckCircleIcon /> {t('remark.ready')}
      </span>
    );
  }
  return (
    <List isPlain>
      {remarks.map((remark) => {
        const Icon = ICONS[remark.weight];
        const size = (value: number | undefined) =>
          value === undefined ? '' : remark.code === 'sector-size' ? String(value) : format.bytes(value);
        return (
          <ListItem key={`${remark.code} ${remark.refusal?.number ?? ''}`} className={`amorce-remark amorce-remark-${remark.weight}`}>
            <Icon /> <span className="amorce-for-readers">{t(`remark.weight.${remark.weight}`)} </span>
            {t(`remark.${remark.code}`, {
              have: size(remark.have),
              need: size(remark.need),
              number: remark.refusal?.number ?? 0,
              filesystem: remark.refusal?.filesystem ?? '',
              reason: remark.refusal?.reason ?? '',
              remedy: remark.refusal?.remedy ?? '',
            })}
          </ListItem>
        );
      })}
      <FurtherRemarks further={further} />
    </List>
  );
}

/** What the appliance knows further, as items of a list. */
export function FurtherRemarks({ further }: { further: readonly PreflightRemark[] }) {
  const { t } = useLanguage();
  const problemText = useProblemText();
  return further.map(({ problem, weight }) => {
    const Icon = ICONS[weight];
    const text = problemText(problem);
    return (
      <ListItem key={`${problem.code} ${problem.title}`} className={`amorce-remark amorce-remark-${weight}`}>
        <Icon /> <span className="amorce-for-readers">{t(`remark.weight.${weight}`)} </span>
        {text.title} {text.remedy !== '' && <span className="amorce-quiet">{text.remedy}</span>}
        {text.detail !== '' && <div className="amorce-quiet">{text.detail}</div>}
      </ListItem>
    );
  });
}
