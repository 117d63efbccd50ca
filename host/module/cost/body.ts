// Body: what it takes to compile one function, found by one look at its instructions. It knows what
// engines copy where control splits or meets, and no limit; whether a body is valid the engine says.

import { BinaryError } from '../reader.ts';
import type { Arities } from './arities.ts';
import { Blocks } from './blocks.ts';
import { CONTROL, CodeReader, INDEX, MEMORY, MEMORY_LANE, NONE, PREFIX } from './code-reader.ts';
import { type Instructions, PLAIN, PREFIXED } from './instructions.ts';
import * as weights from './weights.ts';

const EMPTY_BLOCK = 0x40;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const PREFIXES_FROM = 0xfb;
const REFERENCES = 0xfb;
const BR_ON_CAST = [24, 25];

export class Body {
  /** So far. */
  cost = 0;
  readonly #code: CodeReader;
  readonly #arities: Arities;
  /** Parameters and locals. */
  readonly #locals: number;
  readonly #blocks = new Blocks();

  constructor(bytes: Uint8Array, at: number, end: number, arities: Arities, index: number) {
    const code = new CodeReader(bytes, at, end);
    const type = arities.ofFunction(index);
    this.#code = code;
    this.#arities = arities;
    let locals = arities.params(type);
    code.times(code.u32(), () => {
      locals += code.u32();
      code.valueType();
    });
    this.#locals = locals;
    this.cost = weights.LOCAL * locals;
    this.#blocks.enter(0, arities.results(type));
  }

  /**
   * Goes on up to about `until`, a place in the file.
   * @returns whether the body is over
   * @throws BinaryError when it goes past its end, or at an instruction that is not known
   */
  run(until: number): boolean {
    const code = this.#code;
    const end = Math.min(until, code.end);
    while (code.at < end) {
      const opcode = code.byte();
      this.cost += weights.INSTRUCTION;
      const kind = PLAIN.immediate[opcode]!;
      if (kind === CONTROL) this.#control(opcode);
      else if (kind === PREFIX) this.#prefixed(opcode);
      else {
        if (opcode === LOCAL_SET || opcode === LOCAL_TEE) this.#blocks.sets += 1;
        this.#straight(PLAIN, opcode, kind);
      }
    }
    if (code.at > code.end) throw new BinaryError('malformed', 'a body ends inside an instruction');
    return code.at === code.end;
  }

  #straight({ effect, slow }: Instructions, opcode: number, kind: number): void {
    if (kind === INDEX) this.#code.skip();
    else if (kind !== NONE) this.#code.immediate(kind);
    if (kind === MEMORY || kind === MEMORY_LANE) this.cost += weights.ACCESS;
    if (slow[opcode] === 1) this.cost += weights.SLOW + weights.CALL * this.#slots;
    this.#blocks.move(effect[opcode]!);
  }

  #prefixed(prefix: number): void {
    const opcode = this.#code.u32();
    const space = PREFIXED[prefix - PREFIXES_FROM]!;
    if (prefix !== REFERENCES || !BR_ON_CAST.includes(opcode)) {
      this.#straight(space, opcode, space.immediate[opcode] ?? -1);
      return;
    }
    this.#code.byte();
    this.#branch();
    this.#code.skip();
    this.#code.skip();
  }

  #control(opcode: number): void {
    const code = this.#code;
    switch (opcode) {
      case 0x02: // block
      case 0x06: // try
        this.#block(weights.BLOCK);
        break;
      case 0x03: // loop
        this.#block(weights.BLOCK);
        this.#blocks.merge(0, weights.LOOP_MERGES);
        break;
      case 0x04: // if
        this.#blocks.move(-1);
        this.#block(weights.IF);
        break;
      case 0x05:
        this.cost += weights.ELSE * this.#slots;
        this.#blocks.restart();
        break;
      case 0x07: // catch
        this.#catch(this.#arities.ofTag(code.u32()));
        break;
      case 0x19: // catch_all
        this.#catch(-1);
        break;
      case 0x1f:
        this.#tryTable();
        break;
      case 0x18: // delegate
        code.skip();
        this.#close();
        break;
      case 0x0b: // end
        this.#close();
        break;
      case 0x0d: // br_if
        this.#blocks.move(-1);
        this.#branch();
        break;
      case 0xd5: // br_on_null
        this.#branch();
        break;
      case 0xd6: // br_on_non_null
        this.#branch();
        this.#blocks.move(-1);
        break;
      case 0x10: // call
        this.#call(this.#arities.ofFunction(code.u32()));
        break;
      case 0x11: // call_indirect
        this.#callIndirect();
        break;
      case 0x14: // call_ref
        this.#blocks.move(-1);
        this.#call(code.u32());
        break;
      default:
        this.#leaves(opcode);
        // What follows cannot be reached until the block ends.
        this.#blocks.leave();
    }
  }

  /** Control goes elsewhere and does not come back. */
  #leaves(opcode: number): void {
    const code = this.#code;
    switch (opcode) {
      case 0x00: // unreachable
      case 0x0f: // return
        break;
      case 0x0c: // br
        this.#branch();
        break;
      case 0x0e:
        this.#branchTable();
        break;
      case 0x08: // throw
        this.#pass(this.#arities.params(this.#arities.ofTag(code.u32())));
        break;
      case 0x09: // rethrow
        code.skip();
        this.#pass(1);
        break;
      case 0x0a: // throw_ref
        this.#pass(1);
        break;
      case 0x12: // return_call
        this.#call(this.#arities.ofFunction(code.u32()));
        break;
      case 0x13: // return_call_indirect
        this.#callIndirect();
        break;
      case 0x15: // return_call_ref
        this.#call(code.u32());
        break;
      default:
        throw code.unknown();
    }
  }

  #callIndirect(): void {
    const type = this.#code.u32();
    this.#code.skip();
    this.#blocks.move(-1);
    this.#call(type);
  }

  #call(type: number): void {
    const params = this.#arities.params(type);
    const results = this.#arities.results(type);
    this.#pass(params + results);
    this.#blocks.move(-params);
    this.#blocks.depth += results;
  }

  /** So many values to or from a function. */
  #pass(values: number): void {
    this.cost +=
      weights.SLOW +
      weights.CALL * this.#slots +
      weights.VALUE * values +
      weights.PAIR * values * values;
  }

  #branch(): void {
    this.#merge(this.#code.u32());
    this.cost += weights.BRANCH * this.#slots;
  }

  #branchTable(): void {
    this.#blocks.move(-1);
    const targets = this.#code.u32() + 1;
    // Several entries for one block share the code of the branch, but not the merge.
    this.cost += weights.INSTRUCTION * targets;
    this.cost += weights.BRANCH * this.#slots * Math.min(targets, this.#blocks.open);
    this.#code.times(targets, () => this.#merge(this.#code.u32()));
  }

  #merge(label: number): void {
    this.cost += this.#blocks.merge(label, 1);
  }

  #close(): void {
    this.cost += weights.MERGE * this.#blocks.close(this.#locals);
  }

  #block(weight: number): void {
    const code = this.#code;
    const first = code.peek();
    let params = 0;
    let results = 0;
    if (first === EMPTY_BLOCK) code.byte();
    else if (first > EMPTY_BLOCK && first < 0x80) {
      code.valueType();
      results = 1;
    } else {
      const type = code.u32();
      params = this.#arities.params(type);
      results = this.#arities.results(type);
    }
    this.cost += weights.LABEL + weight * this.#slots + weights.VALUE * (params + results);
    this.#blocks.enter(params, results);
  }

  #tryTable(): void {
    const code = this.#code;
    this.#block(weights.BLOCK);
    code.times(code.u32(), () => {
      const withTag = code.byte() < 2;
      const values = withTag ? this.#arities.params(this.#arities.ofTag(code.u32())) : 0;
      // Labels are counted from outside the block.
      this.#merge(code.u32() + 1);
      this.cost += weights.HANDLER + weights.CATCH * this.#slots + weights.VALUE * values;
    });
  }

  #catch(tag: number): void {
    const values = this.#arities.params(tag);
    this.#blocks.leave();
    this.#blocks.depth += values;
    this.cost += weights.HANDLER + weights.CATCH * this.#slots + weights.VALUE * values;
    this.#blocks.merge(0, 1);
  }

  get #slots(): number {
    return this.#locals + this.#blocks.depth;
  }
}
