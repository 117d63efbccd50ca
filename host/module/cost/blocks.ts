// Blocks: what is open at a place in a body, with the operands on the stack and the labels that may be
// branched to. It counts, and knows neither instructions nor what anything costs.

export class Blocks {
  /** Operands on the stack. */
  depth = 0;
  /** Assignments to locals so far. */
  sets = 0;
  /** Operands below the innermost block. */
  #base = 0;
  /** Of each open block: operands below it, its parameters and its results, */
  readonly #bases: number[] = [];
  readonly #params: number[] = [];
  readonly #results: number[] = [];
  /** assignments before it, and how many times its label's values are merged. */
  readonly #before: number[] = [];
  readonly #merges: number[] = [];

  get open(): number {
    return this.#bases.length;
  }

  enter(params: number, results: number): void {
    this.#base = Math.max(this.#base, this.depth - params);
    this.#bases.push(this.#base);
    this.#params.push(params);
    this.#results.push(results);
    this.#before.push(this.sets);
    this.#merges.push(0);
  }

  /** @returns merges of one local at the label of the block that ends */
  close(locals: number): number {
    const assigned = Math.min(locals, this.sets - (this.#before.pop() ?? 0));
    this.depth = (this.#bases.pop() ?? 0) + (this.#results.pop() ?? 0);
    this.#params.pop();
    this.#base = this.#bases.at(-1) ?? 0;
    return assigned * (this.#merges.pop() ?? 0);
  }

  /** The other half of an `if`: it finds what the first one has found. */
  restart(): void {
    this.depth = this.#base + (this.#params.at(-1) ?? 0);
  }

  /** What follows cannot be reached until the block ends. */
  leave(): void {
    this.depth = this.#base;
  }

  /** So many branches to a label; @returns how many values each takes along */
  merge(label: number, branches: number): number {
    const at = this.#merges.length - 1 - label;
    if (at < 0) return 0;
    this.#merges[at]! += branches;
    return this.#results[at]!;
  }

  move(effect: number): void {
    this.depth = Math.max(this.#base, this.depth + effect);
  }
}
