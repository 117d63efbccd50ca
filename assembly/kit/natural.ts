// Natural: a whole number of up to 17,920 bits, as long doubles need them between text and binary.

const LIMBS: i32 = 560;
const BILLION: u32 = 1_000_000_000;

export class Natural {
  private limbs: StaticArray<u32> = new StaticArray<u32>(LIMBS);
  private size: i32 = 0;

  set(value: u64): Natural {
    this.limbs[0] = <u32>value;
    this.limbs[1] = <u32>(value >> 32);
    this.size = 2;
    this.trim();
    return this;
  }

  get bits(): i32 {
    return this.size === 0 ? 0 : 32 * this.size - <i32>clz(this.limbs[this.size - 1]);
  }

  timesPlus(factor: u32, more: u32): Natural {
    let carry = <u64>more;
    for (let i = 0; i < this.size; i += 1) {
      carry += <u64>this.limbs[i] * <u64>factor;
      this.limbs[i] = <u32>carry;
      carry >>= 32;
    }
    if (carry > 0) this.push(<u32>carry);
    return this;
  }

  timesTenTo(power: i32): Natural {
    for (; power >= 9; power -= 9) this.timesPlus(BILLION, 0);
    for (; power > 0; power -= 1) this.timesPlus(10, 0);
    return this;
  }

  shiftLeft(bits: i32): Natural {
    const whole = bits >> 5;
    if (this.size === 0) return this;
    this.timesPlus((<u32>1) << (bits & 31), 0);
    if (whole === 0) return this;
    for (let i = this.size - 1; i >= 0; i -= 1) this.limbs[i + whole] = this.limbs[i];
    for (let i = 0; i < whole; i += 1) this.limbs[i] = 0;
    this.size += whole;
    return this;
  }

  /** @returns the bit that is lost */
  halve(): u32 {
    let lost: u32 = 0;
    for (let i = this.size - 1; i >= 0; i -= 1) {
      const limb = this.limbs[i];
      this.limbs[i] = (limb >> 1) | (lost << 31);
      lost = limb & 1;
    }
    this.trim();
    return lost;
  }

  get odd(): boolean {
    return this.size > 0 && (this.limbs[0] & 1) !== 0;
  }

  /** @returns 1, 0 or -1 */
  compare(other: Natural): i32 {
    if (this.size !== other.size) return this.size > other.size ? 1 : -1;
    for (let i = this.size - 1; i >= 0; i -= 1) {
      const one = this.limbs[i];
      const two = other.limbs[i];
      if (one !== two) return one > two ? 1 : -1;
    }
    return 0;
  }

  /** Less a smaller one. */
  minus(other: Natural): void {
    let borrow: i64 = 0;
    for (let i = 0; i < this.size; i += 1) {
      borrow += <i64>this.limbs[i] - (i < other.size ? <i64>other.limbs[i] : 0);
      this.limbs[i] = <u32>borrow;
      borrow >>= 32;
    }
    this.trim();
  }

  /** Takes the last nine decimal digits off. */
  takeNine(): u32 {
    let rest: u64 = 0;
    for (let i = this.size - 1; i >= 0; i -= 1) {
      rest = (rest << 32) | <u64>this.limbs[i];
      this.limbs[i] = <u32>(rest / BILLION);
      rest %= BILLION;
    }
    this.trim();
    return <u32>rest;
  }

  private push(limb: u32): void {
    this.limbs[this.size] = limb;
    this.size += 1;
  }

  private trim(): void {
    while (this.size > 0 && this.limbs[this.size - 1] === 0) this.size -= 1;
  }
}
