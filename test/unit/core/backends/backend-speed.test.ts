/** The learned speed of a backend, by endpoint and concurrency. */
import { describe, expect, it } from 'vitest';
import { BackendSpeed } from '../../../../src/core/backends/backend-speed.ts';
import { callRequest, okResult } from '../../../dispatch-builders.ts';

const ASSUMED = { inputMs: 0.1, outputMs: 25 };
const request = callRequest('c');

/** Observes many calls of 100 tokens at this speed. */
function serve(speed: BackendSpeed, endpoint: string, concurrency: number, outputMs: number) {
  for (let i = 0; i < 40; i += 1) {
    const result = okResult(100, { inputTokens: 0, serviceMs: 100 * outputMs });
    speed.observe(result, request, endpoint, concurrency);
  }
}

describe('BackendSpeed', () => {
  it('assumes what it is told until calls have ended', () => {
    const speed = new BackendSpeed(ASSUMED, [{ id: 'a', slots: 8 }]);
    expect(speed.value).toEqual(ASSUMED);
    expect(speed.at('a', 3)).toMatchObject(ASSUMED);
  });

  it('ranks by the speed at full slots, whatever was served last', () => {
    const speed = new BackendSpeed(ASSUMED, [{ id: 'a', slots: 16 }]);
    serve(speed, 'a', 16, 40);
    serve(speed, 'a', 1, 10);
    expect(speed.value.outputMs).toBeCloseTo(40, 6);
    expect(speed.at('a', 1).outputMs).toBeCloseTo(10, 6);
    expect(speed.at('a', 13).outputMs).toBeCloseTo(40, 6);
  });

  it('weighs endpoints by their slots', () => {
    const endpoints = [
      { id: 'fast', slots: 2 },
      { id: 'slow', slots: 6 },
    ];
    const speed = new BackendSpeed(ASSUMED, endpoints);
    serve(speed, 'fast', 2, 8);
    serve(speed, 'slow', 6, 24);
    expect(speed.value.outputMs).toBeCloseTo((2 * 8 + 6 * 24) / 8, 6);
    speed.configure(ASSUMED, [{ id: 'fast', slots: 2 }]);
    expect(speed.value.outputMs).toBeCloseTo(8, 6);
  });

  it('is the newly configured speed as long as no call has ended', () => {
    const endpoints = [{ id: 'a', slots: 4 }];
    const speed = new BackendSpeed(ASSUMED, endpoints);
    speed.configure({ inputMs: 1, outputMs: 100 }, endpoints);
    expect(speed.value).toMatchObject({ inputMs: 1, outputMs: 100 });
    serve(speed, 'a', 4, 12);
    speed.configure({ inputMs: 2, outputMs: 200 }, endpoints);
    expect(speed.value.outputMs).toBeCloseTo(12, 6);
  });

  it('uses the nearest known level, and the overall speed if none is known', () => {
    const endpoints = [
      { id: 'a', slots: 64 },
      { id: 'b', slots: 64 },
    ];
    const speed = new BackendSpeed(ASSUMED, endpoints);
    serve(speed, 'a', 4, 12);
    expect(speed.at('a', 64).outputMs).toBeCloseTo(12, 6);
    expect(speed.at('b', 64).outputMs).toBeCloseTo(12, 6);
  });

  it('uses the overall speed if slots have no limit', () => {
    const speed = new BackendSpeed(ASSUMED, [{ id: 'a', slots: Infinity }]);
    serve(speed, 'a', 5, 30);
    expect(speed.value.outputMs).toBeCloseTo(30, 6);
  });

  it('is restored from its snapshot, also from an old one without levels', () => {
    const speed = new BackendSpeed(ASSUMED, [{ id: 'a', slots: 16 }]);
    serve(speed, 'a', 16, 40);
    serve(speed, 'a', 1, 10);
    const again = new BackendSpeed(ASSUMED, [{ id: 'a', slots: 16 }]);
    again.restore(JSON.parse(JSON.stringify(speed.snapshot())));
    expect(again.value).toEqual(speed.value);
    expect(again.at('a', 1)).toEqual(speed.at('a', 1));
    const { levels: _, ...old } = speed.snapshot();
    const oldest = new BackendSpeed(ASSUMED, [{ id: 'a', slots: 16 }]);
    oldest.restore(old);
    expect(oldest.value.outputMs).toBeCloseTo(old.outputMs, 6);
  });

  describe('of a backend with several models', () => {
    const slots = [{ id: 'router', slots: 4 }];

    function serveModel(speed: BackendSpeed, model: string, outputMs: number, calls = 20) {
      for (let i = 0; i < calls; i += 1) {
        const result = okResult(100, { inputTokens: 0, serviceMs: 100 * outputMs });
        speed.observe(result, callRequest('c', { model }), 'router', 4);
      }
    }

    function ofTwo(): BackendSpeed {
      const speed = new BackendSpeed(ASSUMED, slots);
      for (let i = 0; i < 20; i += 1) {
        serveModel(speed, 'large', 200, 1);
        serveModel(speed, 'small', 5, 1);
      }
      return speed;
    }

    it('is told apart by model', () => {
      const speed = ofTwo();
      expect(speed.valueOf('large').outputMs).toBeCloseTo(200, 6);
      expect(speed.valueOf('small').outputMs).toBeCloseTo(5, 6);
      expect(new Map(speed.byModel()).get('small')?.outputMs).toBeCloseTo(5, 6);
    });

    it('is the backend’s for a model that is hardly known, or the only one', () => {
      const speed = ofTwo();
      serveModel(speed, 'new', 1, 9);
      expect(speed.valueOf('new')).toBe(speed.value);
      expect(speed.valueOf('never seen')).toBe(speed.value);
      expect(speed.valueOf(undefined)).toBe(speed.value);
      const single = new BackendSpeed(ASSUMED, slots);
      serveModel(single, 'm', 7);
      expect(single.valueOf('m')).toBe(single.value);
      expect(single.snapshot().models).toBeUndefined();
    });

    it('remembers the models that were used last', () => {
      const speed = new BackendSpeed(ASSUMED, slots);
      for (let i = 0; i < 100; i += 1) serveModel(speed, `m${i}`, i + 1, 12);
      expect([...speed.byModel()].map(([model]) => model)).toEqual(
        Array.from({ length: 16 }, (_, i) => `m${84 + i}`),
      );
    });

    it('is restored, also from what earlier versions stored', () => {
      const stored = JSON.parse(JSON.stringify(ofTwo().snapshot()));
      const after = new BackendSpeed(ASSUMED, slots);
      after.restore(stored);
      expect(after.valueOf('large').outputMs).toBeCloseTo(200, 3);
      expect(after.valueOf('small').outputMs).toBeCloseTo(5, 3);
      const { models: _, ...old } = stored;
      const upgraded = new BackendSpeed(ASSUMED, slots);
      upgraded.restore(old);
      expect(upgraded.valueOf('large')).toBe(upgraded.value);
      expect(upgraded.value.outputMs).toBeCloseTo(after.value.outputMs, 6);
    });
  });
});
