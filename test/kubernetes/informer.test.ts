import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Informer } from '../../src/kubernetes/informer.ts';
import { readText } from '../../src/kubernetes/read-path.ts';
import { seconds } from '../fakes/fake-clock.ts';
import { failure } from '../fakes/kubernetes/api-answers.ts';
import { eventually } from '../transport/eventually.ts';
import { KubernetesWorld } from './kubernetes-world.ts';

/** An informer of the pods of `node-1` that keeps their service accounts, and tells each change in words. */
class InformedWorld implements AsyncDisposable {
  readonly world: KubernetesWorld;
  readonly informer: Informer<string>;
  readonly told: string[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(world: KubernetesWorld) {
    this.world = world;
    const { client, clock, log } = world;
    this.informer = new Informer({
      client,
      resource: { group: '', version: 'v1', resource: 'pods' },
      selectors: { fieldSelector: 'spec.nodeName=node-1' },
      toItem: (pod) => readText(pod, 'spec', 'serviceAccountName'),
      listener: {
        set: ({ name, item }, before) => this.told.push(`${before === undefined ? 'new' : 'changed'} ${name} ${item}`),
        deleted: ({ name }) => this.told.push(`deleted ${name}`),
        synced: () => this.told.push('synced'),
      },
      clock,
      log,
      random: () => 0.5,
    });
    this.#running = this.informer.run(this.#stop.signal);
  }

  static async start(prepare: (world: KubernetesWorld) => unknown = () => undefined): Promise<InformedWorld> {
    const world = await KubernetesWorld.start();
    await prepare(world);
    return new InformedWorld(world);
  }

  static async watching(prepare?: (world: KubernetesWorld) => unknown): Promise<InformedWorld> {
    const informed = await InformedWorld.start(prepare);
    await informed.watched();
    return informed;
  }

  watched(): Promise<void> {
    return eventually('a watch is open', () => this.world.api.watches === 1);
  }

  until(told: string): Promise<void> {
    return eventually(told, () => this.told.includes(told));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.world[Symbol.asyncDispose]();
  }
}

test('it tells what is there, then what is made, changed and deleted, and of other nodes nothing', async () => {
  await using informed = await InformedWorld.watching(({ api }) => {
    api.addPod('shop', 'web-1', 'web');
    api.addPod('shop', 'far-1', 'far', 'node-2');
  });
  const { api } = informed.world;
  api.addPod('shop', 'web-2', 'web');
  api.addPod('shop', 'far-2', 'far', 'node-2');
  api.addPod('shop', 'web-2', 'other');
  api.store('pods').delete('shop', 'web-1');
  await informed.until('deleted web-1');
  assert.deepEqual(informed.told, ['new web-1 web', 'synced', 'new web-2 web', 'changed web-2 other', 'deleted web-1']);
  assert.equal(informed.informer.get('shop', 'web-2')?.item, 'other');
  assert.deepEqual(
    [...informed.informer.values()].map(({ name }) => name),
    ['web-2'],
  );
  assert.equal(api.count('list pods'), 1);
});

test('a pod that moves to another node is deleted here', async () => {
  await using informed = await InformedWorld.watching(({ api }) => api.addPod('shop', 'web-1', 'web'));
  informed.world.api.addPod('shop', 'web-1', 'web', 'node-2');
  await informed.until('deleted web-1');
});

test('what is not of interest is not kept, also when it was', async () => {
  await using informed = await InformedWorld.watching(({ api }) => api.addPod('shop', 'web-1', 'web'));
  const spec = { nodeName: 'node-1', serviceAccountName: '' };
  informed.world.api.store('pods').put({ namespace: 'shop', name: 'web-1', fields: { spec } });
  await informed.until('deleted web-1');
  assert.equal(informed.informer.size, 0);
});

test('a watch whose time is over is resumed where it was, without reading everything again', async () => {
  await using informed = await InformedWorld.watching(({ api }) => api.addPod('shop', 'web-1', 'web'));
  const { api, clock } = informed.world;
  await clock.advance(seconds(375));
  await eventually('the second watch', () => api.count('watch pods') === 2);
  api.addPod('shop', 'web-2', 'web');
  await informed.until('new web-2 web');
  assert.equal(api.count('list pods'), 1);
  assert.deepEqual(informed.world.log.events, []);
});

test('a bookmark says from where to resume, so that a quiet watch does not fall behind', async () => {
  await using informed = await InformedWorld.watching();
  const { api, clock } = informed.world;
  for (let number = 0; number < 10; number++) api.addPod('shop', `far-${number}`, 'far', 'node-2');
  api.bookmark();
  const version = informed.world.api.store('pods').get('shop', 'far-9')?.metadata.resourceVersion ?? '';
  api.addPod('shop', 'web-1', 'web');
  await informed.until('new web-1 web');
  api.store('pods').compact(Number(version));
  await clock.advance(seconds(1));
  api.endWatches();
  await eventually('the second watch', () => api.count('watch pods') === 2);
  api.addPod('shop', 'web-2', 'web');
  await informed.until('new web-2 web');
  assert.equal(api.count('list pods'), 1);
});

test('after 410 everything is read again: what was missed is told, also what is gone', async () => {
  await using informed = await InformedWorld.watching(({ api }) => {
    api.addPod('shop', 'web-1', 'web');
    api.addPod('shop', 'web-2', 'web');
  });
  const { api, clock } = informed.world;
  await api.close();
  await eventually('it noticed', () => informed.world.log.events.length > 0);
  api.store('pods').delete('shop', 'web-1');
  api.addPod('shop', 'web-3', 'web');
  api.compact();
  await api.listen();
  await eventually('it read again', async () => {
    await clock.advance(seconds(1));
    return informed.told.includes('deleted web-1');
  });
  assert.deepEqual(informed.told, ['new web-1 web', 'new web-2 web', 'synced', 'new web-3 web', 'deleted web-1']);
  assert.equal(api.count('list pods'), 2);
  const [first, second] = api.seen.filter(({ access }) => access === 'list pods');
  assert.equal(first?.query.get('resourceVersion'), '0');
  assert.equal(second?.query.get('resourceVersion'), null, 'what the server remembers may be older than what is known');
});

test('a pod that was made anew under its name while nobody watched is another one', async () => {
  await using informed = await InformedWorld.watching(({ api }) => api.addPod('shop', 'web-1', 'web'));
  const { api, clock } = informed.world;
  const before = informed.informer.get('shop', 'web-1')?.uid;
  await api.close();
  await eventually('it noticed', () => informed.world.log.events.length > 0);
  api.store('pods').delete('shop', 'web-1');
  const after = api.addPod('shop', 'web-1', 'web').metadata.uid;
  api.compact();
  await api.listen();
  await eventually('it read again', async () => {
    await clock.advance(seconds(1));
    return informed.informer.get('shop', 'web-1')?.uid === after;
  });
  assert.notEqual(before, after);
});

test('while the server is down the copy stays, and one line a minute says so', async () => {
  await using informed = await InformedWorld.watching(({ api }) => api.addPod('shop', 'web-1', 'web'));
  const { api, clock, log } = informed.world;
  await api.close();
  await eventually('it noticed', () => log.events.length === 1);
  await eventually('some minutes pass', async () => {
    await clock.advance(seconds(10));
    return log.events.length === 4;
  });
  assert.deepEqual(new Set(log.events.map(({ level }) => level)), new Set(['warn']));
  assert.equal(informed.informer.get('shop', 'web-1')?.item, 'web');
  await api.listen();
  await eventually('it watches again', async () => {
    await clock.advance(seconds(10));
    return api.watches === 1;
  });
  api.addPod('shop', 'web-2', 'web');
  await informed.until('new web-2 web');
  assert.equal(api.count('list pods'), 1);
  assert.match(log.events.at(-1)?.message ?? '', /watched again/);
});

test('more objects than fit a page are read page by page, all of one version', async () => {
  await using informed = await InformedWorld.start(async ({ api }) => {
    for (let number = 0; number < 1200; number++) api.addPod('shop', `web-${number}`, 'web');
    // Its memory has nothing yet, as after a restart: then version 0 is read from etcd too.
    api.pagesFromMemory = true;
  });
  await informed.until('synced');
  assert.equal(informed.informer.size, 1200);
  assert.equal(informed.world.api.count('list pods'), 3);
});

test('a server that says when to come back is not asked before', async () => {
  await using informed = await InformedWorld.start(({ api }) => {
    api.answer = ({ access }) =>
      access === 'watch pods' && api.count('watch pods') === 1
        ? { ...failure(429, 'TooManyRequests', 'x'), headers: { 'retry-after': '7' } }
        : undefined;
  });
  const { api, clock } = informed.world;
  await eventually('it waits', () => informed.world.log.events.length === 1);
  await clock.advance(seconds(6));
  assert.equal(api.count('watch pods'), 1);
  await clock.advance(seconds(1));
  await informed.watched();
});

for (const [what, body] of [
  ['ends at once', ''],
  ['says what is no JSON', '<html>\n'],
  ['says what is of no known kind', '{"type":"SURPRISE","object":{}}\n'],
  ['says what has no version', '{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n'],
  ['breaks off within a line', '{"type":"ADDED","object":{"metadata":'],
  ['never ends its line', 'x'.repeat(9 * 1024 * 1024)],
] as const) {
  test(`a watch that ${what} is tried again after a while, and changes nothing`, async () => {
    await using informed = await InformedWorld.start(({ api }) => {
      api.addPod('shop', 'web-1', 'web');
      api.answer = ({ access }) => (access === 'watch pods' ? { status: 200, body } : undefined);
    });
    const { api, clock, log } = informed.world;
    await eventually('it noticed', () => log.events.length === 1);
    assert.equal(api.count('watch pods'), 1);
    assert.deepEqual(informed.told, ['new web-1 web', 'synced']);
    api.answer = () => undefined;
    await clock.advance(seconds(1));
    await informed.watched();
    assert.equal(api.count('list pods'), 1);
  });
}

test('a watch that a dead connection has left without an end is given up after its time', async () => {
  await using informed = await InformedWorld.start(({ api }) => {
    api.answer = ({ access }) => (access === 'watch pods' ? 'hang' : undefined);
  });
  const { api, clock } = informed.world;
  await eventually('it watches', () => api.openRequests === 1);
  api.answer = () => undefined;
  await clock.advance(seconds(11));
  await informed.watched();
});

test('the end of the agent leaves nothing: no watch, no request, no timer', async () => {
  const informed = await InformedWorld.watching();
  const { api, clock } = informed.world;
  await informed.stop();
  await eventually('the watch is closed', () => api.watches === 0 && api.openRequests === 0);
  assert.equal(clock.sleeping, 0);
  await informed.world[Symbol.asyncDispose]();
});
