#include "canvas.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

// mostScans bounds the work of a progressive picture, each scan of which goes over
// all of it; encoders write about ten.
enum { MOST_SCANS = 200 };

typedef struct {
	struct jpeg_error_mgr pub;
	jmp_buf out;
	int status;
	int lost; // warnings of data that is missing or damaged
} errors;

struct pl_jpeg {
	struct jpeg_decompress_struct in;
	struct jpeg_progress_mgr progress;
	errors err;
	JSAMPLE *line;
};

static void fail(j_common_ptr info) {
	errors *e = (errors *)info->err;
	e->status = e->pub.msg_code == JERR_OUT_OF_MEMORY ? PL_NO_MEMORY : PL_BROKEN;
	longjmp(e->out, 1);
}

// warn counts what costs pixels. Padding between segments, odd parameters of a scan
// and other oddities change nothing of the picture.
static void warn(j_common_ptr info, int level) {
	errors *e = (errors *)info->err;
	if (level >= 0)
		return;
	switch (e->pub.msg_code) {
	case JWRN_HIT_MARKER:
	case JWRN_JPEG_EOF:
	case JWRN_HUFF_BAD_CODE:
	case JWRN_MUST_RESYNC:
	case JWRN_ARITH_BAD_CODE:
		e->lost++;
	}
}

static void silent(j_common_ptr info) { (void)info; }

static void scans(j_common_ptr info) {
	if (((j_decompress_ptr)info)->input_scan_number > MOST_SCANS)
		fail(info);
}

static void errors_init(errors *e) {
	jpeg_std_error(&e->pub);
	e->pub.error_exit = fail;
	e->pub.emit_message = warn;
	e->pub.output_message = silent;
}

pl_jpeg *pl_jpeg_open(const uint8_t *data, size_t n, int *status, int *w, int *h, int *kind) {
	pl_jpeg *const j = calloc(1, sizeof *j);
	if (!j) {
		*status = PL_NO_MEMORY;
		return NULL;
	}
	errors_init(&j->err);
	j->in.err = &j->err.pub;
	if (setjmp(j->err.out)) {
		*status = j->err.status;
		pl_jpeg_close(j);
		return NULL;
	}
	jpeg_create_decompress(&j->in);
	j->progress.progress_monitor = scans;
	j->in.progress = &j->progress;
	jpeg_mem_src(&j->in, data, n);
	jpeg_read_header(&j->in, TRUE);
	*w = j->in.image_width;
	*h = j->in.image_height;
	*kind = j->in.jpeg_color_space == JCS_CMYK || j->in.jpeg_color_space == JCS_YCCK ? 4 : 3;
	*status = PL_OK;
	return j;
}

void pl_jpeg_size(pl_jpeg *j, int shrink, int *w, int *h) {
	*w = (j->in.image_width + shrink - 1) / shrink;
	*h = (j->in.image_height + shrink - 1) / shrink;
	j->in.scale_num = 1;
	j->in.scale_denom = shrink;
}

int pl_jpeg_read(pl_jpeg *j, pl_canvas *c, void *inks) {
	if (setjmp(j->err.out))
		return j->err.status;
	int cmyk = j->in.jpeg_color_space == JCS_CMYK || j->in.jpeg_color_space == JCS_YCCK;
	j->in.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_RGBX;
	jpeg_start_decompress(&j->in);
	if ((int)j->in.output_width != c->w || (int)j->in.output_height != c->h)
		return PL_BROKEN;
	if (!(j->line = malloc((size_t)4 * c->w)))
		return PL_NO_MEMORY;
	while (j->in.output_scanline < j->in.output_height) {
		JSAMPROW row = j->line;
		jpeg_read_scanlines(&j->in, &row, 1);
		if (j->err.lost)
			return PL_BROKEN;
		if (cmyk) {
			if (!j->in.saw_Adobe_marker) // whose writers store inks upside down
				for (size_t i = 0; i < (size_t)4 * c->w; i++)
					j->line[i] = 255 - j->line[i];
			pl_inks(inks, j->line, c->w);
		}
		pl_row(c, j->line);
	}
	return PL_OK;
}

void pl_jpeg_close(pl_jpeg *j) {
	jpeg_destroy_decompress(&j->in);
	free(j->line);
	free(j);
}

int pl_jpeg_write(const uint8_t *rgbx, int w, int h, int quality, uint8_t **out, size_t *n) {
	struct jpeg_compress_struct c;
	errors err;
	unsigned char *volatile bytes = NULL;
	unsigned long size = 0;
	memset(&c, 0, sizeof c);
	errors_init(&err);
	c.err = &err.pub;
	if (setjmp(err.out)) {
		jpeg_destroy_compress(&c);
		free(bytes);
		return err.status;
	}
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, (unsigned char **)&bytes, &size);
	c.image_width = w;
	c.image_height = h;
	c.input_components = 4;
	c.in_color_space = JCS_EXT_RGBX;
	jpeg_set_defaults(&c);
	jpeg_set_quality(&c, quality, TRUE);
	jpeg_start_compress(&c, TRUE);
	while (c.next_scanline < c.image_height) {
		JSAMPROW row = (JSAMPROW)(rgbx + (size_t)4 * w * c.next_scanline);
		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	*out = bytes;
	*n = size;
	return PL_OK;
}
