#include "jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

// mostScans bounds the work of a progressive picture, each scan of which goes over all
// of it; encoders write about ten.
enum { MOST_SCANS = 100, LINES = 16 };

struct batch_jpeg {
	struct jpeg_decompress_struct in;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	struct jpeg_source_mgr source;
	jmp_buf out;
	size_t left; // bytes that are yet to be read, between two calls
	char fault[JMSG_LENGTH_MAX];
	JSAMPLE *line; // a row of inks, or one that is of no use
	size_t line_size;
};

// give_up leaves the call with a reason of ours.
static void give_up(j_decompress_ptr in, const char *why) {
	batch_jpeg *j = in->client_data;
	snprintf(j->fault, sizeof j->fault, "%s", why);
	longjmp(j->out, 1);
}

static void fail(j_common_ptr info) {
	batch_jpeg *j = info->client_data;
	info->err->format_message(info, j->fault);
	longjmp(j->out, 1);
}

// warn counts nothing: where libjpeg only warns, the picture is what it makes of the
// data, as it is for Pillow.
static void warn(j_common_ptr info, int level) {
	(void)info;
	(void)level;
}

static void scans(j_common_ptr info) {
	j_decompress_ptr in = (j_decompress_ptr)info;
	if (in->input_scan_number > MOST_SCANS)
		give_up(in, "more than 100 scans");
}

static void nothing(j_decompress_ptr in) { (void)in; }

// ended: all data is in the buffer from the start. Pillow refuses a picture whose data
// ends before its last row, and so do we.
static boolean ended(j_decompress_ptr in) {
	give_up(in, "the data ends before the picture does");
	return FALSE;
}

static void skip(j_decompress_ptr in, long n) {
	if (n <= 0)
		return;
	if ((size_t)n > in->src->bytes_in_buffer)
		ended(in);
	in->src->next_input_byte += n;
	in->src->bytes_in_buffer -= n;
}

batch_jpeg *batch_jpeg_new(void) {
	batch_jpeg *const j = calloc(1, sizeof *j);
	if (!j)
		return NULL;
	j->in.err = jpeg_std_error(&j->errors);
	j->errors.error_exit = fail;
	j->errors.emit_message = warn;
	j->in.client_data = j;
	if (setjmp(j->out)) {
		free(j);
		return NULL;
	}
	jpeg_create_decompress(&j->in);
	j->progress.progress_monitor = scans;
	j->in.progress = &j->progress;
	j->source.init_source = nothing;
	j->source.fill_input_buffer = ended;
	j->source.skip_input_data = skip;
	j->source.resync_to_restart = jpeg_resync_to_restart;
	j->source.term_source = nothing;
	j->in.src = &j->source;
	return j;
}

void batch_jpeg_free(batch_jpeg *j) {
	if (!j)
		return;
	jpeg_destroy_decompress(&j->in);
	free(j->line);
	free(j);
}

const char *batch_jpeg_fault(const batch_jpeg *j) { return j->fault; }

// resume points libjpeg at what it has not read, and leave takes the pointer from it.
static void resume(batch_jpeg *j, const uint8_t *data, size_t n) {
	j->source.next_input_byte = data + (n - j->left);
	j->source.bytes_in_buffer = j->left;
}

static int leave(batch_jpeg *j) {
	j->left = j->source.bytes_in_buffer;
	j->source.next_input_byte = NULL;
	return 1;
}

// failed frees what belongs to the picture.
static int failed(batch_jpeg *j) {
	jpeg_abort_decompress(&j->in);
	j->source.next_input_byte = NULL;
	j->source.bytes_in_buffer = 0;
	return 0;
}

int batch_jpeg_open(batch_jpeg *j, const uint8_t *data, size_t n, int *width, int *height) {
	if (setjmp(j->out))
		return failed(j);
	jpeg_abort_decompress(&j->in);
	j->left = n;
	resume(j, data, n);
	jpeg_read_header(&j->in, TRUE);
	switch (j->in.jpeg_color_space) {
	case JCS_GRAYSCALE:
	case JCS_YCbCr:
	case JCS_RGB:
		j->in.out_color_space = JCS_RGB;
		break;
	case JCS_CMYK:
	case JCS_YCCK:
		j->in.out_color_space = JCS_CMYK;
		break;
	default:
		give_up(&j->in, "its colours are neither gray nor red, green and blue nor inks");
	}
	*width = j->in.image_width;
	*height = j->in.image_height;
	return leave(j);
}

int batch_jpeg_columns(batch_jpeg *j, const uint8_t *data, size_t n, int *x, int *width) {
	if (setjmp(j->out))
		return failed(j);
	resume(j, data, n);
	jpeg_start_decompress(&j->in);
	int whole = j->in.output_width;
	// Colours of half the resolution are smoothed over their neighbours, which at an edge
	// of a cut are missing: one block more on either side is cut off again by the caller.
	int block = j->in.max_h_samp_factor * DCTSIZE;
	JDIMENSION from = *x > block ? *x - block : 0;
	JDIMENSION to = *x + *width + block < whole ? *x + *width + block : whole;
	JDIMENSION wide = to - from;
	if (j->in.out_color_space == JCS_RGB && (int)wide + 2 * block <= whole)
		jpeg_crop_scanline(&j->in, &from, &wide);
	else
		from = 0, wide = whole;
	*x = from;
	*width = wide;
	return leave(j);
}

// ink_row makes a row of inks red, green and blue as Pillow does, who takes all of them
// to be stored upside down, as Adobe's programs do.
static void ink_row(uint8_t *rgb, const JSAMPLE *inks, JDIMENSION n) {
	for (JDIMENSION i = 0; i < n; i++)
		for (int c = 0; c < 3; c++) {
			int black = inks[4 * i + 3]; // what is left by it
			int t = (255 - inks[4 * i + c]) * black + 128;
			int v = black - ((t + (t >> 8)) >> 8);
			rgb[3 * i + c] = v < 0 ? 0 : v;
		}
}

int batch_jpeg_rows(batch_jpeg *j, const uint8_t *data, size_t n, int y, int rows, uint8_t *rgb) {
	if (setjmp(j->out))
		return failed(j);
	resume(j, data, n);
	j_decompress_ptr in = &j->in;
	JDIMENSION wide = in->output_width;
	if (j->line_size < (size_t)4 * wide) {
		free(j->line);
		j->line_size = (size_t)4 * wide;
		if (!(j->line = malloc(j->line_size))) {
			j->line_size = 0;
			give_up(in, "no memory");
		}
	}
	while (in->output_scanline < (JDIMENSION)y)
		jpeg_read_scanlines(in, &j->line, 1);
	while (in->output_scanline < (JDIMENSION)(y + rows)) {
		uint8_t *to = rgb + (size_t)3 * wide * (in->output_scanline - y);
		if (in->out_color_space == JCS_CMYK) {
			jpeg_read_scanlines(in, &j->line, 1);
			ink_row(to, j->line, wide);
			continue;
		}
		JSAMPROW lines[LINES];
		int count = y + rows - (int)in->output_scanline;
		count = count < LINES ? count : LINES;
		for (int i = 0; i < count; i++)
			lines[i] = to + (size_t)3 * wide * i;
		jpeg_read_scanlines(in, lines, count);
	}
	// What lies below is read too, for whether a picture is complete must not depend on
	// what is cut out of it. Where there are several scans all are read by now.
	if (!jpeg_has_multiple_scans(in) && in->output_scanline + 1 < in->output_height)
		jpeg_skip_scanlines(in, in->output_height - 1 - in->output_scanline);
	if (!jpeg_has_multiple_scans(in) && in->output_scanline < in->output_height)
		jpeg_read_scanlines(in, &j->line, 1);
	jpeg_abort_decompress(in);
	return leave(j);
}
