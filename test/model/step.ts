import type fc from 'fast-check';
import type { Expected } from './expected.ts';
import { saw } from './seen.ts';
import type { World } from './world.ts';

/** One step, of the model and of the product; fast-check leaves steps out until only those that matter are left. */
export class Step implements fc.AsyncCommand<Expected, World> {
  readonly #text: string;
  readonly #act: (world: World) => void | Promise<void>;
  readonly #can: (expected: Readonly<Expected>) => boolean;

  constructor(
    text: string,
    act: (world: World) => void | Promise<void>,
    can: (expected: Readonly<Expected>) => boolean = () => true,
  ) {
    this.#text = text;
    this.#act = act;
    this.#can = can;
  }

  check(expected: Readonly<Expected>): boolean {
    return this.#can(expected);
  }

  async run(_expected: Expected, world: World): Promise<void> {
    saw('steps');
    await this.#act(world);
  }

  toString(): string {
    return this.#text;
  }
}

export function step(...args: ConstructorParameters<typeof Step>): Step {
  return new Step(...args);
}
