#include "canvas.h"

#include <lcms2.h>

// near tells whether two curves say the same within a third of a level of 256.
static int near(const cmsToneCurve *a, const cmsToneCurve *b) {
	for (int i = 0; i <= 64; i++) {
		float x = i / 64.f, d = cmsEvalToneCurveFloat(a, x) - cmsEvalToneCurveFloat(b, x);
		if (d > .0015f || d < -.0015f)
			return 0;
	}
	return 1;
}

// is_srgb tells whether a profile is that of sRGB, whoever wrote it: its primaries and
// curves are.
static int is_srgb(cmsHPROFILE p, cmsHPROFILE srgb) {
	static const cmsTagSignature primaries[] = {cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag};
	static const cmsTagSignature curves[] = {cmsSigRedTRCTag, cmsSigGreenTRCTag, cmsSigBlueTRCTag};
	if (cmsIsTag(p, cmsSigAToB0Tag))
		return 0;
	for (int i = 0; i < 3; i++) {
		const cmsCIEXYZ *a = cmsReadTag(p, primaries[i]), *b = cmsReadTag(srgb, primaries[i]);
		const cmsToneCurve *f = cmsReadTag(p, curves[i]), *g = cmsReadTag(srgb, curves[i]);
		if (!a || !b || !f || !g || !near(f, g))
			return 0;
		double d[] = {a->X - b->X, a->Y - b->Y, a->Z - b->Z};
		for (int k = 0; k < 3; k++)
			if (d[k] > .003 || d[k] < -.003)
				return 0;
	}
	return 1;
}

void *pl_transform_new(const uint8_t *profile, size_t n, int *kind) {
	*kind = PL_USELESS;
	cmsHPROFILE p = cmsOpenProfileFromMem(profile, n), srgb = NULL;
	cmsHTRANSFORM t = NULL;
	if (p && (srgb = cmsCreate_sRGBProfile())) {
		cmsUInt32Number from = 0, flags = 0;
		switch (cmsGetColorSpace(p)) {
		case cmsSigRgbData:
			*kind = is_srgb(p, srgb) ? PL_SAME : PL_RGB;
			from = TYPE_RGBA_8;
			flags = cmsFLAGS_COPY_ALPHA;
			break;
		case cmsSigGrayData:
			*kind = PL_GREY;
			from = TYPE_GRAY_8;
			break;
		case cmsSigCmykData:
			*kind = PL_INKS;
			from = TYPE_CMYK_8_REV;
			break;
		default:
			break;
		}
		if (*kind > PL_SAME && !(t = cmsCreateTransform(p, from, srgb, TYPE_RGBA_8, INTENT_RELATIVE_COLORIMETRIC, flags)))
			*kind = PL_USELESS;
	}
	if (srgb)
		cmsCloseProfile(srgb);
	if (p)
		cmsCloseProfile(p);
	return t;
}

void pl_transform_run(void *t, int kind, uint8_t *rgbx, size_t pixels) {
	if (kind == PL_RGB) {
		cmsDoTransform(t, rgbx, rgbx, pixels);
		return;
	}
	uint8_t levels[256], made[4 * 256];
	for (int i = 0; i < 256; i++)
		levels[i] = i;
	cmsDoTransform(t, levels, made, 256);
	for (size_t i = 0; i < pixels; i++)
		for (int k = 0; k < 3; k++)
			rgbx[4 * i + k] = made[4 * rgbx[4 * i + k] + k];
}

void pl_inks(void *t, uint8_t *p, size_t pixels) {
	if (t)
		cmsDoTransform(t, p, p, pixels);
	for (size_t i = 0; i < pixels; i++, p += 4) {
		if (!t)
			for (int k = 0; k < 3; k++)
				p[k] = (p[k] * p[3] + 127) / 255;
		p[3] = 255;
	}
}

void pl_transform_free(void *t) { cmsDeleteTransform(t); }
