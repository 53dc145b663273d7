/** The frame of the pages before anybody is logged in: one card, the name, the language. */
import { Card, CardBody, Content, Title } from '@patternfly/react-core';
import { type ReactNode, useEffect } from 'react';
import { LanguageChoice } from '../language/language-choice';
import { Brand } from '../layout/brand';

/** One card in the middle. */
export function EntryFrame({ title, about, children }: { title: string; about?: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Amorce`;
  }, [title]);
  return (
    <main className="amorce-alone">
      <div className="amorce-entry-head">
        <Brand />
        <LanguageChoice />
      </div>
      <Card isLarge>
        <CardBody>
          <Title headingLevel="h1" size="2xl">
            {title}
          </Title>
          {about !== undefined && <Content component="p" className="amorce-about">{about}</Content>}
          {children}
        </CardBody>
      </Card>
    </main>
  );
}
