/** The fields of a scenario. Those that differ from the tenant's own setting are marked. */
import { NumberField } from './number-field.tsx';
import { type BackendScenario, ORDERS, type Order, type Scenario, WAKING } from './scenario.ts';

const ORDER_NAMES: Readonly<Partial<Record<Order, string>>> = {
  fcfs: 'in order of arrival (fcfs)',
  'app-fcfs': 'runs in order of arrival (app-fcfs)',
  gittins: 'what finishes soonest (gittins)',
  srpt: 'knowing all work beforehand (srpt, a bound)',
};

const WAKING_NAMES: Readonly<Record<Scenario['waking'], string>> = {
  off: 'when somebody waits',
  'keep-alive': 'kept warm after each call',
  paper: "by the paper's rule",
  talaria: 'by the forecast (Talaria)',
  oracle: 'knowing all needs beforehand (a bound)',
};

export interface ScenarioFormProps {
  readonly scenario: Scenario;
  readonly own: Scenario;
  readonly onChange: (scenario: Scenario) => void;
}

export function ScenarioForm({ scenario, own, onChange }: ScenarioFormProps) {
  const set = (changed: Partial<Scenario>) => onChange({ ...scenario, ...changed });
  const setBackend = (name: string, changed: Partial<BackendScenario>) =>
    set({
      backends: scenario.backends.map((b) => (b.backend === name ? { ...b, ...changed } : b)),
    });
  return (
    <>
      <div class="what-if-fields">
        <label class="field" data-changed={scenario.order !== own.order}>
          <span>Calls go</span>
          <select
            class="input"
            value={scenario.order}
            onChange={(e) => set({ order: e.currentTarget.value as Order })}
          >
            {ORDERS.map((order) => (
              <option key={order} value={order}>
                {ORDER_NAMES[order] ?? order}
              </option>
            ))}
          </select>
        </label>
        <label class="field" data-changed={scenario.waking !== own.waking}>
          <span>Endpoints are woken</span>
          <select
            class="input"
            value={scenario.waking}
            onChange={(e) => set({ waking: e.currentTarget.value as Scenario['waking'] })}
          >
            {WAKING.map((waking) => (
              <option key={waking} value={waking}>
                {WAKING_NAMES[waking]}
              </option>
            ))}
          </select>
        </label>
        {scenario.waking === 'talaria' && (
          <NumberField
            name="Theta"
            title="Probability of need from which an endpoint is woken"
            value={scenario.theta}
            own={own.theta}
            step={0.01}
            onChange={(theta) => set({ theta: theta ?? Number.NaN })}
          />
        )}
        {scenario.waking === 'keep-alive' && (
          <NumberField
            name="Kept warm for, s"
            value={scenario.keepAliveS}
            own={own.keepAliveS}
            onChange={(keepAliveS) => set({ keepAliveS: keepAliveS ?? Number.NaN })}
          />
        )}
        <NumberField
          name="Price of a warm second"
          value={scenario.pricePerWarmSecond}
          own={own.pricePerWarmSecond}
          step="any"
          placeholder="none"
          onChange={(pricePerWarmSecond) => set({ pricePerWarmSecond })}
        />
      </div>
      {scenario.backends.map((backend) => (
        <BackendFields
          key={backend.backend}
          backend={backend}
          own={own.backends.find((b) => b.backend === backend.backend) ?? backend}
          onChange={(changed) => setBackend(backend.backend, changed)}
        />
      ))}
    </>
  );
}

interface BackendFieldsProps {
  readonly backend: BackendScenario;
  readonly own: BackendScenario;
  readonly onChange: (changed: Partial<BackendScenario>) => void;
}

function BackendFields({ backend, own, onChange }: BackendFieldsProps) {
  return (
    <fieldset class="what-if-backend">
      <legend>{backend.backend}</legend>
      <div class="what-if-fields">
        <NumberField
          name="Endpoints"
          value={backend.endpoints}
          own={own.endpoints}
          onChange={(endpoints) => onChange({ endpoints: endpoints ?? Number.NaN })}
        />
        <NumberField
          name="Slots of each"
          value={backend.slots}
          own={own.slots}
          placeholder="no limit"
          onChange={(slots) => onChange({ slots })}
        />
        <NumberField
          name="Cold start, s"
          value={backend.coldStartS}
          own={own.coldStartS}
          step="any"
          placeholder="never cold"
          onChange={(coldStartS) => onChange({ coldStartS })}
        />
        <NumberField
          name="Cold after, s"
          value={backend.idleTimeoutS}
          own={own.idleTimeoutS}
          step="any"
          placeholder="never"
          onChange={(idleTimeoutS) => onChange({ idleTimeoutS })}
        />
      </div>
    </fieldset>
  );
}
