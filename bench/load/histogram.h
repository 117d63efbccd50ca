// A histogram of times as HDR histograms are: buckets of equal width within each power of two, so
// that every value is kept to 1 %. It knows no clock and no unit.

#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <string.h>

#define HISTOGRAM_BITS 7  // 128 buckets for each power of two
#define HISTOGRAM_SIZE ((65 - HISTOGRAM_BITS) << HISTOGRAM_BITS)

struct histogram {
  uint64_t total, counts[HISTOGRAM_SIZE];
};

static inline void histogram_clear(struct histogram *histogram) {
  memset(histogram, 0, sizeof *histogram);
}

static inline void histogram_record(struct histogram *histogram, uint64_t value) {
  unsigned bits = 64u - (unsigned)__builtin_clzll(value | 1);
  unsigned shift = bits > HISTOGRAM_BITS + 1 ? bits - HISTOGRAM_BITS - 1 : 0;
  histogram->counts[(shift << HISTOGRAM_BITS) + (value >> shift)] += 1;
  histogram->total += 1;
}

/** The middle of the bucket below which `part` (0 to 1) of all values lie; 0 when there are none. */
static inline double histogram_quantile(const struct histogram *histogram, double part) {
  double target = part * (double)histogram->total;
  uint64_t seen = 0;
  for (unsigned index = 0; index < HISTOGRAM_SIZE; index++) {
    seen += histogram->counts[index];
    if (histogram->counts[index] == 0 || (double)seen < target) continue;
    unsigned shift = index >> (HISTOGRAM_BITS + 1) ? (index >> HISTOGRAM_BITS) - 1 : 0;
    uint64_t low = (uint64_t)(index - (shift << HISTOGRAM_BITS)) << shift;
    return (double)low + (double)((1ull << shift) - 1) / 2;
  }
  return 0;
}

#endif
