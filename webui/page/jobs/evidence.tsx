/** What a failed machine left behind, to be read and taken away. */
import { Button, Modal, ModalBody, ModalFooter, ModalHeader, Tab, Tabs, TabTitleText } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { evidenceQuery } from '../api/queries';
import type { JobMachine } from '../api/types';
import { useLanguage } from '../language/language';
import { Loading, Problem } from '../layout/state';

const PARTS = ['screen', 'log', 'dmesg', 'smart'] as const;

/** One tab per text. */
export function EvidenceView({ row, onClose }: { row: JobMachine; onClose: () => void }) {
  const { t } = useLanguage();
  const [part, setPart] = useState<(typeof PARTS)[number]>('screen');
  const evidence = useQuery(evidenceQuery(row.job, row.machine));
  const save = () => {
    if (evidence.data === undefined) return;
    const text = PARTS.map((each) => `==== ${each} ====\n${evidence.data[each] ?? ''}\n`).join('\n');
    const address = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
    const link = document.createElement('a');
    link.href = address;
    link.download = `amorce-${row.machine_label.replace(/[^\p{L}\p{N}.-]+/gu, '_')}.txt`;
    link.click();
    URL.revokeObjectURL(address);
  };
  return (
    <Modal variant="large" isOpen onClose={onClose} aria-labelledby="evidence-title">
      <ModalHeader labelId="evidence-title" title={t('evidence.title', { name: row.machine_label })} description={t('evidence.about')} />
      <ModalBody>
        {evidence.isPending && <Loading />}
        {evidence.isError && <Problem error={evidence.error} retry={() => void evidence.refetch()} />}
        {evidence.isSuccess && (
          <Tabs
            activeKey={part}
            onSelect={(_, key) => setPart(PARTS.find((each) => each === key) ?? 'screen')}
            aria-label={t('evidence.parts')}
          >
            {PARTS.map((each) => (
              <Tab key={each} eventKey={each} title={<TabTitleText>{t(`evidence.${each}`)}</TabTitleText>}>
                {evidence.data[each] === '' ? (
                  <p className="amorce-quiet amorce-evidence-none">{t('evidence.none')}</p>
                ) : (
                  <pre className="amorce-evidence" tabIndex={0}>
                    {evidence.data[each]}
                  </pre>
                )}
              </Tab>
            ))}
          </Tabs>
        )}
      </ModalBody>
      <ModalFooter>
        <Button variant="secondary" onClick={save} isDisabled={!evidence.isSuccess}>
          {t('evidence.save')}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.close')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
