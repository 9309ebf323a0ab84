package lists

import (
	"errors"
	"fmt"
)

// Reasons for which rows are dropped.
const (
	ReasonNoAddress   = "no_address"    // neither a picture nor an address of one
	ReasonNoText      = "no_text"       // nothing is left of the text but white space
	ReasonBadAddress  = "bad_address"   // no whole http or https address
	ReasonDataAddress = "data_address"  // a data: address, which holds a picture and names none
	ReasonFilePath    = "file_path"     // the address is the path of a file
	ReasonBadEncoding = "bad_encoding"  // address or text is not valid in the file's encoding
	ReasonNUL         = "nul"           // address or text holds a zero byte
	ReasonTooLong     = "too_long"      // a row over 1 MiB, a text over 64 KiB, an address over 4 KiB
	ReasonColumns     = "columns"       // another number of columns than the first row
	ReasonBadQuote    = "bad_quote"     // a quote that is not closed, or goes on behind its end
	ReasonBadJSON     = "bad_json"      // no JSON object
	ReasonNotText     = "not_text"      // address or text is a list, an object or a number
	ReasonNoPicture   = "no_picture"    // a sample without a picture and without an address
	ReasonMorePicture = "more_pictures" // beyond the first of a sample
	ReasonLink        = "link"          // a link in a tar, or one that leads out of its folder
	ReasonNoFile      = "no_file"       // a device, pipe or other thing that is no file
	ReasonUnsafeName  = "unsafe_name"   // a path that leaves its folder, or is not UTF-8
	ReasonRepeatedKey = "repeated_key"  // a sample or row of a name that came before
	ReasonMissing     = "missing_file"  // a table names a picture that is not there
	ReasonSparse      = "sparse"        // a member of a tar with holes
)

// What is wrong with a file or folder as a whole; the errors that wrap them name the options
// of pairloom import.
var (
	ErrFormat = errors.New("its format is not known")
	ErrEmpty  = errors.New("has no pictures, tars or tables")
)

// FileError is what is wrong with one file of a list.
type FileError struct {
	Path string
	Line int64 // 0 where it is not one line's fault
	Err  error
}

func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
	}
	return e.Path + ": " + e.Err.Error()
}

func (e *FileError) Unwrap() error { return e.Err }
