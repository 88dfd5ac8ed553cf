/** What warmth cost and brought: in money where a price is configured, else in warm time. */
import type { WarmthMoney } from '../../../protocol/console/warmth.ts';
import { duration } from '../../format/duration.ts';
import { money as amount, counted } from '../../format/quantity.ts';
import { Chart } from '../../parts/chart.tsx';
import { Figure, Figures } from '../../parts/figures.tsx';

export function MoneyPart({ money }: { readonly money: WarmthMoney }) {
  const { days } = money;
  const priced = money.spent !== null;
  const perDay = days.map((day) => (priced ? (day.money ?? 0) : day.warmMs / 60_000));
  return (
    <section class="card" aria-labelledby="money">
      <div class="card-head">
        <h2 id="money">Cost and gain</h2>
        <span class="faint">all backends</span>
      </div>
      <div class="card-body warmth-money">
        <MoneyFigures money={money} />
        {days.length > 1 && (
          <Chart
            label={`${priced ? 'Money' : 'Warm minutes'} a day over ${days.length} days, the last ${perDay.at(-1)?.toFixed(2)}`}
            x={days.map((_, i) => i + 0.5)}
            xRange={[0, days.length]}
            xTicks={days.flatMap(({ day }, i) =>
              i % Math.ceil(days.length / 5) === 0 ? [{ at: i + 0.5, name: day.slice(5) }] : [],
            )}
            lines={[
              {
                name: priced ? 'money a day' : 'warm minutes a day',
                colour: '--blue-fill',
                fill: '--blue-soft',
                bars: true,
                width: 1.5,
                values: perDay,
              },
            ]}
            heightPx={130}
            yPx={48}
          />
        )}
      </div>
    </section>
  );
}

export function MoneyFigures({ money }: { readonly money: WarmthMoney }) {
  const priced = money.spent !== null;
  return (
    <Figures>
      <Figure name="Spent" title={`Warm for ${duration(money.warmMs)}`}>
        {priced ? amount(money.spent) : `${duration(money.warmMs)} warm`}
      </Figure>
      <Figure name="Of it wasted" title="Pings that no call used">
        {priced ? amount(money.wasted) : duration(money.wastedMs)}
      </Figure>
      <Figure name="Cold waits saved" title={counted(money.savedWaits, 'call')}>
        {duration(money.savedWaitMs)}
      </Figure>
      <Figure name="Cold waits suffered" title={counted(money.sufferedWaits, 'call')}>
        {duration(money.sufferedWaitMs)}
      </Figure>
      <Figure name="Budget left">
        {money.budgetLeft === null ? 'no limit' : amount(money.budgetLeft)}
      </Figure>
    </Figures>
  );
}
