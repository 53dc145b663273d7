/** Masters and their versions. */
import {
  Button,
  Card,
  CardBody,
  CardHeader,
  CardTitle,
  Label,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  PageSection,
} from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { ask } from '../api/client';
import { mastersQuery } from '../api/queries';
import type { Master, MasterVersion } from '../api/types';
import { isDamaged } from '../flows/preflight';
import { useLanguage } from '../language/language';
import { announce } from '../layout/announcer';
import { PageHeading } from '../layout/heading';
import { CloneIcon, ExclamationCircleIcon } from '../layout/icons';
import { Moment } from '../layout/moment';
import { Loading, Nothing, Problem } from '../layout/state';
import { PictureOfParts } from '../machines/disk-picture';

/** The list of masters. */
export function MastersPage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const list = useQuery(mastersQuery);
  const [deleting, setDeleting] = useState<MasterVersion | null>(null);
  const masters = (list.data?.items ?? []).filter((master) => master.versions.length > 0);
  return (
    <>
      <PageHeading
        title={t('masters.title')}
        about={t('masters.about')}
        actions={
          masters.length > 0 && (
            <Button variant="secondary" onClick={() => void navigate('/capture')}>
              {t('masters.capture')}
            </Button>
          )
        }
      />
      <PageSection hasBodyWrapper={false} isFilled>
        {list.isPending && <Loading />}
        {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
        {list.isSuccess && masters.length === 0 && (
          <Nothing
            title={t('masters.none')}
            icon={CloneIcon}
            actions={
              <Button variant="primary" onClick={() => void navigate('/capture')}>
                {t('masters.capture')}
              </Button>
            }
          >
            {t('masters.none-about')}
          </Nothing>
        )}
        {masters.map((master) => (
          <MasterCard key={master.name} master={master} onDelete={setDeleting} />
        ))}
      </PageSection>
      {deleting !== null && <DeleteVersion version={deleting} onClose={() => setDeleting(null)} />}
    </>
  );
}

function MasterCard({ master, onDelete }: { master: Master; onDelete: (version: MasterVersion) => void }) {
  const { t, format } = useLanguage();
  const navigate = useNavigate();
  const newest = master.versions[0];
  const restore = (version: MasterVersion) =>
    void navigate(`/restore?${new URLSearchParams({ master: version.name, version: String(version.version) })}`);
  return (
    <Card className="amorce-job" isCompact>
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: newest !== undefined && (
            <span className="amorce-buttons">
              <Button
                variant="primary"
                isDisabled={isDamaged(newest)}
                onClick={() => restore(newest)}
                aria-label={t('masters.restore-newest', { name: master.name, version: newest.version })}
              >
                {t('action.restore')}
              </Button>
              <Button
                variant="secondary"
                onClick={() => void navigate(`/capture?${new URLSearchParams({ master: master.name })}`)}
                aria-label={t('masters.new-version-of', { name: master.name })}
              >
                {t('masters.new-version')}
              </Button>
            </span>
          ),
        }}
      >
        <CardTitle component="h2">{master.name}</CardTitle>
      </CardHeader>
      <CardBody>
        {newest !== undefined && newest.partitions.length > 0 && (
          <PictureOfParts
            picture={{
              scheme: newest.scheme,
              parts: newest.partitions.map((part, index) => ({
                number: part.number,
                label: part.label,
                filesystem: part.filesystem,
                // Only the order counts here: a master's list tells sizes and not places.
                offset: index,
                size: part.bytes_size,
                used: part.bytes_used,
              })),
            }}
          />
        )}
        <Table aria-label={t('masters.versions-of', { name: master.name })} variant="compact" gridBreakPoint="grid-md">
          <Thead>
            <Tr>
              <Th>{t('masters.version')}</Th>
              <Th>{t('masters.captured')}</Th>
              <Th>{t('masters.used')}</Th>
              <Th modifier="nowrap">{t('masters.disk')}</Th>
              <Th>{t('masters.scheme')}</Th>
              <Th screenReaderText={t('machines.actions')} />
            </Tr>
          </Thead>
          <Tbody>
            {master.versions.map((version) => (
              <Tr key={version.version}>
                <Td dataLabel={t('masters.version')} className="amorce-strong">
                  {version.version}{' '}
                  {isDamaged(version) && (
                    <Label isCompact color="red" icon={<ExclamationCircleIcon />}>
                      {t('masters.damaged')}
                    </Label>
                  )}
                </Td>
                <Td dataLabel={t('masters.captured')}>
                  {version.created_at !== undefined && version.created_at !== null && <Moment at={version.created_at} />}
                </Td>
                <Td dataLabel={t('masters.used')}>{format.bytes(version.bytes_used)}</Td>
                <Td dataLabel={t('masters.disk')}>{format.bytes(version.bytes_disk)}</Td>
                <Td dataLabel={t('masters.scheme')}>{version.scheme === 'none' ? t('disk.no-table') : version.scheme.toUpperCase()}</Td>
                <Td className="amorce-actions">
                  <span className="amorce-buttons amorce-whole">
                    {version !== newest && !isDamaged(version) && (
                      <Button
                        size="sm"
                        variant="secondary"
                        onClick={() => restore(version)}
                        aria-label={t('masters.restore-newest', { name: version.name, version: version.version })}
                      >
                        {t('action.restore')}
                      </Button>
                    )}
                    <Button
                      size="sm"
                      variant="link"
                      isDanger
                      onClick={() => onDelete(version)}
                      aria-label={t('masters.delete-version', { name: version.name, version: version.version })}
                    >
                      {t('action.delete')}
                    </Button>
                  </span>
                </Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
        {[...new Set(master.versions.flatMap((version) => [version.damaged ?? '', ...version.notes]))]
          .filter((note) => note !== '')
          .map((note) => (
            <p key={note} className="amorce-quiet">
              {note}
            </p>
          ))}
      </CardBody>
    </Card>
  );
}

function DeleteVersion({ version, onClose }: { version: MasterVersion; onClose: () => void }) {
  const { t, format } = useLanguage();
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () =>
      ask<undefined>(`/masters/${encodeURIComponent(version.name)}/versions/${version.version}`, { method: 'DELETE' }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: mastersQuery.queryKey });
      announce(t('masters.deleted', { name: version.name, version: version.version }));
      onClose();
    },
  });
  return (
    <Modal variant="small" isOpen onClose={onClose} aria-labelledby="delete-title">
      <ModalHeader
        labelId="delete-title"
        titleIconVariant="warning"
        title={t('masters.delete-title', { name: version.name, version: version.version })}
      />
      <ModalBody>
        {remove.isError && <Problem error={remove.error} />}
        <p>{t('masters.delete-about', { used: format.bytes(version.bytes_used) })}</p>
      </ModalBody>
      <ModalFooter>
        <Button variant="danger" isLoading={remove.isPending} isDisabled={remove.isPending} onClick={() => remove.mutate()}>
          {t('masters.delete-version', { name: version.name, version: version.version })}
        </Button>
        <Button variant="link" onClick={onClose}>
          {t('action.cancel')}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
