// The part of a conversion that is done in C: rows of pixels go into a canvas as
// they are decoded, and come out as a small picture and the grids of its hash.
#ifndef PAIRLOOM_CANVAS_H
#define PAIRLOOM_CANVAS_H

#include <stddef.h>
#include <stdint.h>

enum { PL_OK = 0, PL_BROKEN, PL_NO_MEMORY, PL_UNKNOWN };

enum { PL_GRID = 32 };

// pl_axis says how the samples of one side become others: out[i] is the sum of
// in[first[i]+j] * weight[i*stride+j] over count[i] of them, in units of 1 << shift.
typedef struct {
	int in, out, stride, shift;
	int *first, *count;
	int16_t *weight;
} pl_axis;

typedef struct {
	int w, h;          // of the rows that come in
	int out_w, out_h;  // of the small picture
	int alpha;         // rows have an alpha that counts
	int y;             // rows so far
	int transparent;   // one of them was not opaque
	pl_axis across, down;
	uint8_t *line;     // one row, multiplied by its alpha
	uint8_t *middle;   // h rows of out_w pixels
	uint8_t *small;    // out_h rows of out_w pixels; RGBA, multiplied by alpha
	// The hash sees the picture on white and, where it has alpha, on black.
	int grid_span;     // samples of the longest window of hash_across, rounded up
	int *hash_first;
	int16_t *hash_high, *hash_low; // hash_across.weight is high << 11 | low
	int *down_first, *down_count, *down_weight, down_stride;
	int16_t *grey;
	int32_t sums[2][PL_GRID * PL_GRID];
	uint8_t grid[2][PL_GRID * PL_GRID]; // 0 on white, 1 on black
} pl_canvas;

// pl_canvas_new takes sides of 0 for the small picture when there shall be none. It returns NULL when there is no memory.
pl_canvas *pl_canvas_new(int w, int h, int out_w, int out_h, int alpha);
void pl_canvas_free(pl_canvas *c);
// pl_row takes the next row: w pixels of RGBA, not multiplied, with PL_SLACK bytes
// behind that may be read.
enum { PL_SLACK = 64 };
void pl_row(pl_canvas *c, const uint8_t *rgba);
// pl_finish makes small and grid of the rows; there must have been h of them.
int pl_finish(pl_canvas *c);

// pl_ground lays small onto the grey that shows it, in place, and returns that:
// 255 or 0. spread is set to the standard deviation of the luma, in hundredths.
int pl_ground(uint8_t *small, size_t pixels, int transparent, int *spread);

// JPEG (jpeg.c). kind is 3 for grey and colour, 4 for CMYK.
typedef struct pl_jpeg pl_jpeg;
pl_jpeg *pl_jpeg_open(const uint8_t *data, size_t n, int *status, int *w, int *h, int *kind);
// pl_jpeg_size sets the factor by which the picture is shrunk while it is decoded, and
// tells what comes.
void pl_jpeg_size(pl_jpeg *j, int shrink, int *w, int *h);
// pl_jpeg_read takes a transform for inks, or NULL.
int pl_jpeg_read(pl_jpeg *j, pl_canvas *c, void *inks);
void pl_jpeg_close(pl_jpeg *j);
// pl_jpeg_write leaves malloc'd bytes in out.
int pl_jpeg_write(const uint8_t *rgbx, int w, int h, int quality, uint8_t **out, size_t *n);

// PNG (png.c). The spans are offset and length of each IDAT's data.
typedef struct {
	int w, h, depth, type;
	int has_key;            // the colour key of tRNS
	uint16_t key[3];
} pl_png_header;
int pl_png_read(const uint8_t *data, const int64_t *spans, int n, const pl_png_header *p,
	const uint8_t *palette, // 256 RGBA
	pl_canvas *c);

// Everything else (vips.c).
int pl_vips_start(void);
typedef struct pl_vips pl_vips;
pl_vips *pl_vips_open(const uint8_t *data, size_t n, const char *loader, int *status, int *w, int *h);
// pl_vips_blob returns a piece of metadata, which lives until close; NULL for none.
const void *pl_vips_blob(pl_vips *v, const char *name, size_t *n);
// pl_vips_srgb brings the picture to 8-bit RGB or RGBA; icc tells whether its profile
// was used for that.
int pl_vips_srgb(pl_vips *v, int *alpha, int *icc);
int pl_vips_read(pl_vips *v, pl_canvas *c);
void pl_vips_close(pl_vips *v);
int pl_vips_webp(const uint8_t *rgbx, int w, int h, int quality, uint8_t **out, size_t *n);
void pl_vips_free(void *p);

// Colour (colour.c). A transform brings pixels to sRGB. kind says what it takes; for
// PL_SAME and PL_USELESS there is none.
enum { PL_USELESS, PL_SAME, PL_RGB, PL_GREY, PL_INKS };
void *pl_transform_new(const uint8_t *profile, size_t n, int *kind);
// pl_transform_run changes RGBX in place.
void pl_transform_run(void *t, int kind, uint8_t *rgbx, size_t pixels);
// pl_inks brings a row of CMYK to RGBX in place; 255 is no ink, as in JPEG. Without a
// transform ink takes its share of the light.
void pl_inks(void *t, uint8_t *cmyk, size_t pixels);
void pl_transform_free(void *t);

#endif
