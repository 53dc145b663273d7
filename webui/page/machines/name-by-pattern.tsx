/** Naming many machines at once by a pattern: what they would be called stands there before anything is done. */
import { Alert, Button, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useDeferredValue, useState } from 'react';
import { ask } from '../api/client';
import type { Naming, NamingOutcome } from '../api/types';
import { useLanguage } from '../language/language';
import { announce } from '../layout/announcer';
import { Problem } from '../layout/state';

const PATTERN = 'S204-{nn}';

/** The pattern, the first number, and the names that come of them. */
export function NameByPattern({ ids, onClose }: { ids: string[]; onClose: () => void }) {
  const { t } = useLanguage();
  const client = useQueryClient();
  const [machines] = useState(ids);
  const [pattern, setPattern] = useState(PATTERN);
  const [start, setStart] = useState('1');
  const number = /^\d{1,6}$/.test(start.trim()) ? Number(start) : null;
  const wish: Naming = { machines, pattern: pattern.trim(), start: number ?? 1 };
  const asked = useDeferredValue(JSON.stringify(wish));
  const rehearsal = useQuery({
    queryKey: ['naming', asked],
    queryFn: ({ signal }) =>
      ask<NamingOutcome>('/machines/names', { method: 'POST', body: { ...(JSON.parse(asked) as Naming), rehearse: true }, signal }),
    enabled: wish.pattern !== '' && number !== null,
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  });
  const apply = useMutation({
    mutationFn: () => ask<NamingOutcome>('/machines/names', { method: 'POST', body: wish }),
    onSuccess: (outcome) => {
      void client.invalidateQueries({ queryKey: ['machines'] });
      void client.invalidateQueries({ queryKey: ['machine-count'] });
      announce(t('naming.done', { count: outcome.items.length }));
      onClose();
    },
  });
  const proposals = rehearsal.data?.items ?? [];
  const refused = proposals.filter((row) => row.problem !== undefined && row.problem !== null).length;
  const isSure = rehearsal.isSuccess && !rehearsal.isFetching && asked === JSON.stringify(wish) && refused === 0;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isSure) apply.mutate();
  };
  return (
    <Modal variant="medium" isOpen onClose={onClose} aria-labelledby="naming-title">
      <ModalHeader labelId="naming-title" title={t('naming.title', { count: machines.length })} description={t('naming.about')} />
      <ModalBody>
        <Form id="naming-form" onSubmit={submit}>
          {apply.isError && <Problem error={apply.error} />}
          <div className="amorce-naming-fields">
            <FormGroup label={t('naming.pattern')} fieldId="naming-pattern">
              <TextInput id="naming-pattern" value={pattern} onChange={(_, value) => setPattern(value)} maxLength={120} autoFocus autoComplete="off" spellCheck={false} aria-describedby="naming-help" />
            </FormGroup>
            <FormGroup label={t('naming.start')} fieldId="naming-start">
              <TextInput id="naming-start" value={start} onChange={(_, value) => setStart(value)} inputMode="numeric" autoComplete="off" validated={number === null ? 'error' : 'default'} />
            </FormGroup>
          </div>
          <FormHelperText>
            <HelperText id="naming-help">
              <HelperTextItem>{t('naming.help', { number: '{nn}', serial: '{serial}', mac: '{mac}', product: '{product}' })}</HelperTextItem>
            </HelperText>
          </FormHelperText>
        </Form>
        {rehearsal.isError && <Problem error={rehearsal.error} />}
        {refused > 0 && <Alert variant="warning" isInline className="amorce-alert" title={t('naming.refused', { count: refused })} />}
        {proposals.length > 0 && !rehearsal.isError && (
          <div className="amorce-scroll" tabIndex={0} role="region" aria-label={t('naming.preview')}>
            <Table aria-label={t('naming.preview')} variant="compact" gridBreakPoint="">
              <Thead>
                <Tr>
                  <Th>{t('naming.before')}</Th>
                  <Th>{t('naming.after')}</Th>
                </Tr>
              </Thead>
              <Tbody>
                {proposals.map((row) => (
                  <Tr key={row.machine}>
                    <Td>{row.label}</Td>
                    <Td>
                      <span className="amorce-strong">{row.name}</span>
                      {row.problem !== undefined && row.problem !== null && <div className="amorce-wrong">{row.problem}</div>}
                    </Td>
                  </Tr>
                ))}
              </Tbody>
            </Table>
          </div>
        )}
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="naming-form" isLoading={apply.isPending} isDisabled={!isSure || apply.isPending}>
          {t('naming.start-button', { count: machines.length })}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
