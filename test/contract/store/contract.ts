import { acceptanceRules } from './acceptance.ts';
import { cancellationRules } from './cancellation.ts';
import { claimRules } from './claims.ts';
import { groupRules } from './groups.ts';
import type { MakeStore, StoreHarness } from './harness.ts';
import { lifeRules } from './life.ts';
import { notificationRules } from './notifications.ts';
import { offlineRules } from './offline.ts';
import { operatorRules } from './operator.ts';
import { replacementRules } from './replacement.ts';
import { retentionRules } from './retention.ts';
import { settlementRules } from './settlement.ts';
import { timeRules } from './time.ts';

/** Every rule that lib/store/store.ts states, against one implementation. */
export function storeContract(name: string, make: MakeStore): void {
  describe(`store contract: ${name}`, () => {
    let harness: StoreHarness | undefined;
    const use = (): StoreHarness => {
      if (harness === undefined) throw new Error('no store is open');
      return harness;
    };

    beforeEach(async () => {
      harness = await make();
    });
    afterEach(async () => {
      await harness?.dispose();
      harness = undefined;
    });

    acceptanceRules(use);
    claimRules(use);
    settlementRules(use);
    offlineRules(use);
    cancellationRules(use);
    replacementRules(use);
    groupRules(use);
    timeRules(use);
    notificationRules(use);
    retentionRules(use);
    lifeRules(use);
    operatorRules(use);
  });
}
