package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"net/http"
	"strings"

	"github.com/davidbyttow/govips/v2/vips"
)

// maxJPEGSide is the longest side that libjpeg writes, in pixels.
const maxJPEGSide = 65500

// convert does the work of one request. It runs in the child.
func convert(r *request) Result {
	if len(r.original) == 0 {
		return Result{Reason: ReasonEmpty, Detail: "0 bytes"}
	}
	name, known, decodable := format(r.original)
	switch {
	case !known:
		return Result{Reason: ReasonFormatUnknown, Detail: "the bytes look like " + http.DetectContentType(r.original)}
	case !decodable:
		return Result{OriginalFormat: name, Reason: ReasonFormatRefused, Detail: name + " is not decoded"}
	case name == "gif" && !gifFirstFrameWhole(r.original):
		return Result{OriginalFormat: name, Reason: ReasonCorrupt, Detail: "the bytes end inside the first frame"}
	}
	res := Result{OriginalFormat: name}
	err := convertDecodable(r, &res, true)
	if err != nil && name == "jpeg" && !outOfMemory(err) && jpegWhole(r) {
		res = Result{OriginalFormat: name}
		err = convertDecodable(r, &res, false)
	}
	switch {
	case err == nil:
	case outOfMemory(err):
		res.Reason, res.Detail = ReasonTooMuchMemory, "to decode the "+name+" takes more memory than a decoder may have"
	default:
		res.Reason, res.Detail = ReasonCorrupt, "the "+name+" is cut off or damaged and cannot be shown whole"
	}
	return res
}

// outOfMemory reads it from the text of libvips, which has no code for it.
func outOfMemory(err error) bool {
	return strings.Contains(err.Error(), "out of memory") || strings.Contains(err.Error(), "Error creating thread")
}

// jpegWhole has the last word on a JPEG that libvips fails on: a strict load
// stops at libjpeg's warnings too, be they of padding between segments, of odd
// parameters of a scan, or of missing data, and does not tell which. Go's own
// decoder reads over the harmless ones and fails when data is missing. What has
// too many pixels is left to the limit, undecoded.
func jpegWhole(r *request) bool {
	c, err := jpeg.DecodeConfig(bytes.NewReader(r.original))
	if err != nil || uint64(c.Width)*uint64(c.Height) > r.maxPixels {
		return err == nil
	}
	_, err = jpeg.Decode(bytes.NewReader(r.original))
	return err == nil
}

// convertDecodable fills res, or leaves a reason in it. An error is one of the
// decoder's; strict makes its warnings errors.
func convertDecodable(r *request, res *Result, strict bool) error {
	img, err := vips.LoadImageFromBuffer(r.original, importParams(strict, 0))
	if err != nil {
		return err
	}
	defer func() { img.Close() }()
	w, h := img.Width(), img.PageHeight()
	turn := img.Orientation()
	res.OriginalWidth, res.OriginalHeight = w, h
	if turn >= 5 && turn <= 8 {
		res.OriginalWidth, res.OriginalHeight = h, w
	}
	if pixels := uint64(w) * uint64(h); pixels > r.maxPixels {
		res.Reason = ReasonTooManyPixels
		res.Detail = fmt.Sprintf("%d x %d = %d pixels, limit %d", w, h, pixels, r.maxPixels)
		return nil
	}
	short, target := min(w, h), int(r.shortSide)
	if out := max(w, h) * min(short, target) / short; out > maxJPEGSide {
		res.Reason = ReasonSideTooLong
		res.Detail = fmt.Sprintf("%d x %d would keep a side of %d pixels, limit %d", w, h, out, maxJPEGSide)
		return nil
	}
	if shrink := jpegShrink(res.OriginalFormat, short, target); shrink > 1 {
		img.Close()
		if img, err = vips.LoadImageFromBuffer(r.original, importParams(strict, shrink)); err != nil {
			return err
		}
	}
	if err := toSRGB(img); err != nil {
		return err
	}
	if short := min(img.Width(), img.Height()); short > target {
		if err := img.Resize(float64(target)/float64(short), vips.KernelLanczos3); err != nil {
			return err
		}
	}
	if err := img.AutoRotate(); err != nil {
		return err
	}
	return encode(img, int(r.quality), res)
}

// encode evaluates img once, into pixels that Go can look at, and fills res
// from them: hash, ground, JPEG.
func encode(img *vips.ImageRef, quality int, res *Result) error {
	raw, _, err := img.ExportPng(&vips.PngExportParams{StripMetadata: true, Compression: 0, Filter: vips.PngFilterNone})
	if err != nil {
		return err
	}
	decoded, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("read back pixels: %w", err)
	}
	pixels := toNRGBA(decoded)
	ground, opaque := groundOf(pixels)
	flatten(pixels, ground)

	flat, err := vips.NewImageFromBuffer(raw)
	if err != nil {
		return err
	}
	defer flat.Close()
	if !opaque {
		if err := flat.Flatten(&vips.Color{R: ground, G: ground, B: ground}); err != nil {
			return err
		}
	} else if flat.HasAlpha() {
		if err := flat.ExtractBand(0, 3); err != nil {
			return err
		}
	}
	res.JPEG, _, err = flat.ExportJpeg(&vips.JpegExportParams{
		StripMetadata: true, Quality: quality, OptimizeCoding: true, SubsampleMode: vips.VipsForeignSubsampleAuto,
	})
	if err != nil {
		return err
	}
	res.Width, res.Height = pixels.Rect.Dx(), pixels.Rect.Dy()
	res.PHash = phash(pixels)
	return nil
}

// toSRGB brings img to 8 bits of sRGB, by its embedded profile where it has a
// usable one. A broken profile is no reason to lose the picture: browsers pass
// over it too.
func toSRGB(img *vips.ImageRef) error {
	if img.HasICCProfile() {
		if err := img.TransformICCProfileWithFallback("srgb", "srgb"); err != nil {
			if err := img.RemoveICCProfile(); err != nil {
				return err
			}
		}
	}
	if img.Interpretation() != vips.InterpretationSRGB || img.BandFormat() != vips.BandFormatUchar {
		return img.ToColorSpace(vips.InterpretationSRGB)
	}
	return nil
}

// jpegShrink is the factor by which libjpeg may shrink while it decodes, which
// costs a fraction of the time. Twice the wanted size stays, so that the rest
// of the way goes through the better filter.
func jpegShrink(name string, short, target int) int {
	if name != "jpeg" {
		return 1
	}
	for _, f := range []int{8, 4, 2} {
		if short/f >= 2*target {
			return f
		}
	}
	return 1
}

func importParams(strict bool, shrink int) *vips.ImportParams {
	p := vips.NewImportParams()
	p.FailOnError.Set(strict)
	p.NumPages.Set(1)
	if shrink > 1 {
		p.JpegShrinkFactor.Set(shrink)
	}
	return p
}

func toNRGBA(img image.Image) *image.NRGBA {
	if n, ok := img.(*image.NRGBA); ok {
		return n
	}
	out := image.NewNRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	switch src := img.(type) {
	case *image.RGBA: // an opaque PNG; its values need no change
		copy(out.Pix, src.Pix)
	case *image.Gray:
		for i, v := range src.Pix {
			out.Pix[4*i], out.Pix[4*i+1], out.Pix[4*i+2], out.Pix[4*i+3] = v, v, v, 255
		}
	default:
		draw.Draw(out, out.Rect, img, img.Bounds().Min, draw.Src)
	}
	return out
}
