/* reference.h: decimals once more, slowly and by other means: a state machine for the grammar and a string of digits
 * for the value. The tests and the fuzz targets compare the library with it. */
#ifndef FLOWRS_REFERENCE_H
#define FLOWRS_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

int reference_parse(const char *text, size_t size, int scale, int64_t *out);
int reference_scale(const char *text, size_t size);

#endif
