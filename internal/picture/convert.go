package picture

import (
	"errors"
	"fmt"
	"net/http"
)

const (
	// maxSide is the longest side that libjpeg writes, in pixels; WebP holds less.
	maxSide     = 65500
	maxWebPSide = 16383
	defaultSize = 256
)

// convert does the work of one request. It runs in the child.
func convert(r *request) Result {
	if len(r.original) == 0 {
		return Result{Reason: ReasonEmpty, Detail: "0 bytes"}
	}
	name, known, refusal := format(r.original)
	res := Result{OriginalFormat: name}
	switch {
	case !known:
		res.Reason, res.Detail = ReasonFormatUnknown, "the bytes look like "+http.DetectContentType(r.original)
		return res
	case refusal != "":
		res.Reason, res.Detail = ReasonFormatRefused, refusal
		return res
	case name == "gif" && !gifFirstFrameWhole(r.original):
		res.Reason, res.Detail = ReasonCorrupt, "the bytes end inside the first frame"
		return res
	}
	c := readContainer(name, r.original)
	err := convertDecodable(r, c, &res)
	if errors.Is(err, errBroken) && c.png != nil { // libpng reads over some oddities
		c.png = nil
		err = convertDecodable(r, c, &res)
	}
	switch {
	case err == nil:
		return res
	case errors.Is(err, errNoMemory):
		res.Reason, res.Detail = ReasonTooMuchMemory, "to decode the "+name+" takes more memory than a decoder may have"
	case errors.Is(err, errUnknown):
		res.Reason, res.Detail = ReasonFormatRefused, "this system's libvips does not decode "+name
	default:
		res.Reason, res.Detail = ReasonCorrupt, "the "+name+" is cut off or damaged and cannot be shown whole"
	}
	res.Bytes, res.Format = nil, ""
	return res
}

// open reads the header of a picture of a known format.
func open(name string, b []byte, c *container) (decoder, error) {
	switch name {
	case "jpeg":
		return openJPEG(b, c.icc)
	case "png":
		if c.png != nil {
			return &pngDecoder{b, c}, nil
		}
	case "bmp":
		return openBMP(b)
	case "ico":
		return openICO(b)
	}
	d, err := openVips(b, vipsLoaders[name])
	if err != nil {
		return nil, err
	}
	if name == "avif" || name == "heic" {
		c.exif, c.xmp = heifEXIF(d.blob("exif-data")), d.blob("xmp-data")
	}
	if c.icc == nil {
		c.icc = d.blob("icc-profile-data")
	}
	return d, nil
}

// convertDecodable fills res, or leaves a reason in it. An error is one of the
// decoder's.
func convertDecodable(r *request, c *container, res *Result) error {
	name := res.OriginalFormat
	d, err := open(name, r.original, c)
	if err != nil {
		return err
	}
	defer d.close()
	exif := readEXIF(c.exif)
	if name == "avif" || name == "heic" || name == "jp2" {
		exif.turn = 1 // the decoder has turned it
	}
	w, h := d.size()
	res.OriginalWidth, res.OriginalHeight = upright(exif.turn, w, h)
	res.Frames = c.frames
	if w < 1 || h < 1 {
		return errBroken
	}
	if pixels := uint64(w) * uint64(h); pixels > r.maxPixels {
		res.Reason = ReasonTooManyPixels
		res.Detail = fmt.Sprintf("%d x %d = %d pixels, limit %d", w, h, pixels, r.maxPixels)
		return nil
	}
	p := fit(r, res.OriginalWidth, res.OriginalHeight)
	if limit, tooLong := r.tooLong(p); tooLong {
		res.Reason = ReasonSideTooLong
		res.Detail = fmt.Sprintf("%d x %d would keep a side of %d pixels, limit %d", w, h, max(p.width, p.height), limit)
		return nil
	}
	pixels, grid, closeCanvas, err := paint(d, p, exif.turn, res)
	if err != nil {
		return err
	}
	defer closeCanvas()
	res.License, res.Credit = c.claims(exif)
	res.PHash = phash(turnGrid(grid, exif.turn))
	switch r.format {
	case Nothing:
		res.Width, res.Height = res.OriginalWidth, res.OriginalHeight
	case Original:
		res.Format, res.Width, res.Height = name, w, h
	default:
		var out []byte
		out, res.Width, res.Height = p.place(pixels, exif.turn)
		if res.Bytes, err = encode(out, res.Width, res.Height, r.format, int(r.quality)); err != nil {
			return err
		}
		res.Format = r.format
	}
	return nil
}

// paint decodes the picture into pixels of RGBX in sRGB, of the plan's size but not yet
// turned, and the grid of its hash. Both live until closeCanvas is called.
func paint(d decoder, p plan, turn int, res *Result) (pixels, grid []byte, closeCanvas func(), err error) {
	w, h, alpha, err := d.start(shrinkFor(res, p))
	if err != nil {
		return nil, nil, nil, err
	}
	outW, outH := upright(turn, p.width, p.height)
	v, err := newCanvas(w, h, outW, outH, alpha)
	if err != nil {
		return nil, nil, nil, err
	}
	if err = d.read(v); err == nil {
		pixels, grid, res.Spread, err = v.finish()
	}
	if err != nil {
		v.close()
		return nil, nil, nil, err
	}
	toSRGB(pixels, d.profile())
	return pixels, grid, v.close, nil
}

// upright is the size of a picture once it is turned as EXIF asks for; turning is its
// own opposite.
func upright(turn, w, h int) (int, int) {
	if turn >= 5 {
		return h, w
	}
	return w, h
}

// shrinkFor is the factor by which libjpeg may shrink while it decodes, which costs a
// fraction of the time. Twice the wanted size stays, so that the rest of the way goes
// through the better filter.
func shrinkFor(res *Result, p plan) int {
	short, target := min(res.OriginalWidth, res.OriginalHeight), min(p.width, p.height)
	for _, f := range []int{8, 4, 2} {
		if short/f >= 2*target {
			return f
		}
	}
	return 1
}

// tooLong tells whether a side of the finished picture is longer than its format holds,
// or the picture larger than an original may be.
func (r *request) tooLong(p plan) (limit int, tooLong bool) {
	limit = maxSide
	switch r.format {
	case WebP:
		limit = maxWebPSide
	case Original, Nothing:
		return limit, false
	}
	side := max(p.width, p.height)
	grown := uint64(p.width)*uint64(p.height) > max(r.maxPixels, maxSide*16)
	return limit, side > limit || grown
}
