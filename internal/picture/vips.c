#include "canvas.h"

#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

static void silent(const gchar *domain, GLogLevelFlags level, const gchar *said, gpointer data) {
	(void)domain;
	(void)level;
	(void)said;
	(void)data;
}

int pl_vips_start(void) {
	// Stderr is for how a child ends.
	g_log_set_handler("VIPS", G_LOG_LEVEL_MASK, silent, NULL);
	if (VIPS_INIT("pairloom"))
		return -1;
	vips_block_untrusted_set(TRUE);
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	// JPEG 2000 is on its list of untrusted loaders; it runs where all do, in a
	// process that may die.
	vips_operation_block_set("VipsForeignLoadJp2k", FALSE);
	return 0;
}


struct pl_vips {
	VipsImage *image;
};

// status_of reads it from the library's text, which has no code for it.
static int status_of(void) {
	const char *said = vips_error_buffer();
	int status = PL_BROKEN;
	if (strstr(said, "out of memory") || strstr(said, "Error creating thread") || strstr(said, "Out of memory"))
		status = PL_NO_MEMORY;
	else if (strstr(said, "nsupported codec") || strstr(said, "nsupported feature"))
		status = PL_UNKNOWN;
	vips_error_clear();
	return status;
}

pl_vips *pl_vips_open(const uint8_t *data, size_t n, const char *loader, int *status, int *w, int *h) {
	void *buf = (void *)data;
	VipsImage *image = NULL;
	int fail = VIPS_FAIL_ON_ERROR, bad;
	if (!strcmp(loader, "png"))
		bad = vips_pngload_buffer(buf, n, &image, "fail_on", fail, "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	else if (!strcmp(loader, "gif"))
		bad = vips_gifload_buffer(buf, n, &image, "fail_on", fail, "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	else if (!strcmp(loader, "webp"))
		bad = vips_webpload_buffer(buf, n, &image, "fail_on", fail, "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	else if (!strcmp(loader, "tiff"))
		bad = vips_tiffload_buffer(buf, n, &image, "fail_on", fail, "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	else if (!strcmp(loader, "heif"))
		bad = vips_heifload_buffer(buf, n, &image, "fail_on", fail, "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	else if (!strcmp(loader, "jp2k"))
		bad = vips_jp2kload_buffer(buf, n, &image, "fail_on", fail, "access", VIPS_ACCESS_SEQUENTIAL, NULL);
	else {
		*status = PL_UNKNOWN;
		return NULL;
	}
	if (bad) {
		*status = status_of();
		return NULL;
	}
	pl_vips *v = calloc(1, sizeof *v);
	if (!v) {
		g_object_unref(image);
		*status = PL_NO_MEMORY;
		return NULL;
	}
	v->image = image;
	*status = PL_OK;
	*w = vips_image_get_width(image);
	*h = vips_image_get_page_height(image);
	return v;
}

const void *pl_vips_blob(pl_vips *v, const char *name, size_t *n) {
	const void *p = NULL;
	if (!vips_image_get_typeof(v->image, name) || vips_image_get_blob(v->image, name, &p, n)) {
		vips_error_clear();
		return NULL;
	}
	return p;
}

// step puts what an operation made in the place of what it was made of.
static int step(pl_vips *v, VipsImage **made, int bad) {
	if (bad)
		return 0;
	g_object_unref(v->image);
	v->image = *made;
	*made = NULL;
	return 1;
}

int pl_vips_srgb(pl_vips *v, int *alpha, int *icc) {
	VipsImage *made = NULL;
	*icc = 0;
	int plain = v->image->Type == VIPS_INTERPRETATION_sRGB && v->image->BandFmt == VIPS_FORMAT_UCHAR && v->image->Bands >= 3;
	if (!plain) {
		if (vips_image_get_typeof(v->image, VIPS_META_ICC_NAME)) {
			*icc = step(v, &made, vips_icc_transform(v->image, &made, "srgb", "embedded", TRUE, NULL));
			if (!*icc)
				vips_error_clear(); // browsers pass over a broken profile too
		}
		if ((v->image->Type != VIPS_INTERPRETATION_sRGB || v->image->BandFmt != VIPS_FORMAT_UCHAR) &&
			!step(v, &made, vips_colourspace(v->image, &made, VIPS_INTERPRETATION_sRGB, NULL)))
			return status_of();
		if (v->image->BandFmt != VIPS_FORMAT_UCHAR && !step(v, &made, vips_cast_uchar(v->image, &made, NULL)))
			return status_of();
	}
	if (v->image->Bands < 3)
		return PL_BROKEN;
	*alpha = v->image->Bands > 3;
	return PL_OK;
}

// pl_vips_read takes strips from a region by itself: libvips' own sinks start threads
// for each picture.
int pl_vips_read(pl_vips *v, pl_canvas *c) {
	VipsImage *im = v->image;
	int status = PL_OK;
	VipsRegion *r = vips_region_new(im);
	uint8_t *line = malloc((size_t)4 * c->w + PL_SLACK);
	if (!r || !line || im->Xsize != c->w || im->Ysize < c->h)
		status = line ? PL_BROKEN : PL_NO_MEMORY;
	for (int y = 0; y < c->h && status == PL_OK; y += 16) {
		VipsRect strip = {0, y, c->w, VIPS_MIN(16, c->h - y)};
		if (vips_region_prepare(r, &strip)) {
			status = status_of();
			break;
		}
		for (int i = y; i < y + strip.height; i++) {
			const uint8_t *p = VIPS_REGION_ADDR(r, 0, i);
			for (int x = 0; x < c->w; x++, p += im->Bands) {
				line[4 * x] = p[0];
				line[4 * x + 1] = p[1];
				line[4 * x + 2] = p[2];
				line[4 * x + 3] = im->Bands > 3 ? p[3] : 255;
			}
			pl_row(c, line);
		}
	}
	free(line);
	if (r)
		g_object_unref(r);
	return status;
}

void pl_vips_close(pl_vips *v) {
	g_object_unref(v->image);
	free(v);
	vips_error_clear();
}

int pl_vips_webp(const uint8_t *rgbx, int w, int h, int quality, uint8_t **out, size_t *n) {
	VipsImage *whole = vips_image_new_from_memory(rgbx, (size_t)4 * w * h, w, h, 4, VIPS_FORMAT_UCHAR);
	VipsImage *rgb = NULL, *made = NULL;
	void *bytes = NULL;
	int bad = !whole || vips_extract_band(whole, &rgb, 0, "n", 3, NULL) ||
		vips_copy(rgb, &made, "interpretation", VIPS_INTERPRETATION_sRGB, NULL) ||
		vips_webpsave_buffer(made, &bytes, n, "Q", quality, "strip", TRUE, NULL);
	VIPS_UNREF(made);
	VIPS_UNREF(rgb);
	VIPS_UNREF(whole);
	*out = bytes;
	return bad ? status_of() : PL_OK;
}

void pl_vips_free(void *p) { g_free(p); }
