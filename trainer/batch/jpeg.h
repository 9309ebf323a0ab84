// Decoding of JPEGs by libjpeg-turbo, for jpeg.go.

#ifndef BATCH_JPEG_H
#define BATCH_JPEG_H

#include <stddef.h>
#include <stdint.h>

typedef struct batch_jpeg batch_jpeg;

// batch_jpeg_new is NULL where there is no memory.
batch_jpeg *batch_jpeg_new(void);
void batch_jpeg_free(batch_jpeg *j);

// batch_jpeg_open reads the header, and keeps no pointer to data. 0 says that it is of
// no use: see batch_jpeg_fault.
int batch_jpeg_open(batch_jpeg *j, const uint8_t *data, size_t n, int *width, int *height);

// batch_jpeg_columns starts decoding, with the same data. It lowers *x and widens *width
// to what libjpeg can cut out such that the columns asked for are those of the whole
// picture.
int batch_jpeg_columns(batch_jpeg *j, const uint8_t *data, size_t n, int *x, int *width);

// batch_jpeg_rows writes rows y to y+rows, red, green and blue, and reads the data to
// the picture's end.
int batch_jpeg_rows(batch_jpeg *j, const uint8_t *data, size_t n, int y, int rows, uint8_t *rgb);

// batch_jpeg_fault is why the last call gave 0.
const char *batch_jpeg_fault(const batch_jpeg *j);

#endif
