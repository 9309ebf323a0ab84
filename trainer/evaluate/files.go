package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/trainer/batch"
)

// Reasons for which a picture file is left out, beside those of a Convert.
const (
	Unreadable = "unreadable"
	TooLarge   = "file_too_large"
	// SystemFile is that of files, and of all in folders, that archives and file
	// managers leave beside pictures.
	SystemFile = "system_file"
	// NoClass is that of files that lie beside the folders of a set's classes.
	NoClass = "no_class"
)

// largestFile is the most that a picture file may have, in bytes.
const largestFile = 1 << 28

// Convert makes of a picture of any format one that is decoded here: a JPEG, or the
// bytes as they are. reason is "" or why it is no picture, in a word of a closed list,
// and detail says more; an error is not the picture's. Several goroutines call it.
type Convert func(ctx context.Context, data []byte) (shown []byte, reason, detail string, err error)

// jpeg converts the picture called name, or leaves it as it is without a Convert.
func (c Convert) jpeg(ctx context.Context, name string, data []byte) ([]byte, error) {
	if c == nil {
		return data, nil
	}
	jpeg, reason, detail, err := c(ctx, data)
	if err == nil && reason != "" {
		err = &BadPicture{Name: name, Reason: reason, Err: errors.New(detail)}
	}
	return jpeg, err
}

// centre writes a converted picture to dst, as Centre of [Pictures] does.
func (c Convert) centre(ctx context.Context, dst []byte, name string, data []byte, side int) error {
	jpeg, err := c.jpeg(ctx, name, data)
	if err != nil {
		return err
	}
	return centre(dst, name, jpeg, side)
}

func centre(dst []byte, name string, jpeg []byte, side int) error {
	if err := batch.Centre(dst, jpeg, side); err != nil {
		return &BadPicture{Name: name, Reason: Undecodable, Err: err}
	}
	return nil
}

func tooLarge(name string, size int64) *BadPicture {
	return &BadPicture{Name: name, Reason: TooLarge, Err: fmt.Errorf("it has %d bytes, %d are the limit", size, largestFile)}
}

// FilePictures are picture files. Without Convert they must be JPEG, PNG, GIF or WebP.
type FilePictures struct {
	Paths   []string
	Convert Convert
}

// PictureFiles lists the files below a folder, by name. Left counts, by reason,
// those that are no pictures by their name: see [SystemFile].
func PictureFiles(folder string) (files []string, left map[string]int64, err error) {
	folder, left = filepath.Clean(folder), map[string]int64{}
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for at := path; at != folder; at = filepath.Dir(at) {
			if system(filepath.Base(at)) {
				left[SystemFile]++
				return nil
			}
		}
		files = append(files, path)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list pictures: %w", err)
	}
	return files, left, nil
}

// system tells whether a file or folder of this name is what archives and file
// managers leave: macOS's resource forks in zip files, Windows's previews and
// folder settings, and what is hidden (.DS_Store and ._x.jpg too).
func system(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__MACOSX" || strings.EqualFold(name, "Thumbs.db") || strings.EqualFold(name, "desktop.ini")
}

// Len is the number of files.
func (p *FilePictures) Len() int { return len(p.Paths) }

// JPEG is file i, converted.
func (p *FilePictures) JPEG(ctx context.Context, i int) ([]byte, error) {
	path := p.Paths[i]
	info, err := os.Stat(path)
	if err == nil && info.Size() > largestFile {
		return nil, tooLarge(path, info.Size())
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, &BadPicture{Name: path, Reason: Unreadable, Err: err}
	}
	return p.Convert.jpeg(ctx, path, data)
}

// Centre is that of [Pictures].
func (p *FilePictures) Centre(ctx context.Context, dst []byte, i, side int) error {
	data, err := p.JPEG(ctx, i)
	if err != nil {
		return err
	}
	return centre(dst, p.Paths[i], data, side)
}
