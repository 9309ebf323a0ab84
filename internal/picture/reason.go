package picture

// The reasons why bytes did not become a picture of the dataset: every value
// that [Result].Reason may have besides "".
const (
	// ReasonEmpty: no bytes at all.
	ReasonEmpty = "picture_empty"
	// ReasonFormatUnknown: the first bytes are those of no picture format.
	ReasonFormatUnknown = "picture_format_unknown"
	// ReasonFormatRefused: a format that is not decoded, such as SVG or PDF.
	ReasonFormatRefused = "picture_format_refused"
	// ReasonTooManyPixels: the header promises more pixels than the limit.
	ReasonTooManyPixels = "picture_too_many_pixels"
	// ReasonSideTooLong: even resized, a side is longer than JPEG can hold.
	ReasonSideTooLong = "picture_side_too_long"
	// ReasonCorrupt: the bytes end early or are damaged, so that no decoder shows
	// the picture whole. What decoders only warn of is no reason.
	ReasonCorrupt = "picture_truncated_or_corrupt"
	// ReasonTooMuchMemory: the decoder ran into the child's memory limit.
	ReasonTooMuchMemory = "picture_too_much_memory"
	// ReasonDecoderDied: two child processes in a row died on the picture.
	ReasonDecoderDied = "picture_decoder_died"
	// ReasonDecoderTimeout: decoding took longer than the limit.
	ReasonDecoderTimeout = "picture_decoder_timeout"
)
