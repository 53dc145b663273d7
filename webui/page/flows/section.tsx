/** One numbered part of a flow. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core';
import type { ReactNode } from 'react';

/** A card with its number, its question and its answer. */
export function FlowSection({ number, title, children }: { number: number; title: string; children: ReactNode }) {
  return (
    <Card className="amorce-flow-section" component="section">
      <CardTitle component="h2">
        <span className="amorce-flow-number" aria-hidden="true">
          {number}
        </span>
        {title}
      </CardTitle>
      <CardBody>{children}</CardBody>
    </Card>
  );
}
