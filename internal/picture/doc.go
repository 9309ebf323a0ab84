// Package picture turns the bytes of a picture found on the web into the form the dataset
// keeps: a JPEG or WebP in sRGB, fitted to a size, turned upright, without metadata, or
// the bytes as they came; with a perceptual hash of what it shows and what its metadata
// say of licence and makers.
//
// It is done in one pass: rows go from the decoder (libjpeg; libdeflate for PNG; libvips
// for GIF, WebP, TIFF, AVIF, HEIC and JPEG 2000; Go for BMP and ICO) into a canvas of
// canvas.c, which shrinks them for the picture and for the hash as they come. Colours
// are brought to sRGB in the small picture, which is then encoded.
//
// It is the only package that speaks to these libraries. Decoders of foreign bytes may
// crash, hang or grow, so they run in child processes: the program starts
// itself again with a hidden command that calls [Serve], and the parent talks
// to it over a pair of pipes. [Pool] owns those children. A child works on one
// picture at a time; one that dies, hangs past the time limit or has served its
// share of pictures is replaced. A picture whose child died is tried once more
// in a fresh one, so that a child killed from outside changes nothing, while a
// picture that kills its decoder costs itself only.
//
// What a picture cannot be is in [Result].Reason, from the closed list
// of reasons; an error means that the pool itself cannot work (the command does
// not start, the context ended).
//
// Width and height are read from the header and held against the limit before
// any pixel is decoded. Loaders that libvips calls untrusted are blocked, and
// only formats told by their first bytes to be on a short list reach libvips at
// all. The same bytes and settings give the same result on the same libvips.
//
// A Pool may be used by many goroutines; those past its number of children wait
// their turn. Bytes in a Result belong to the caller.
package picture
