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
)

// largestFile is the most that a picture file may have, in bytes.
const largestFile = 1 << 28

// Convert makes the JPEG of a picture of any format. reason is "" or why it is
// no picture, in a word of a closed list, and detail says more; an error is not
// the picture's. Several goroutines call it.
type Convert func(ctx context.Context, data []byte) (jpeg []byte, reason, detail string, err error)

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
func (c Convert) centre(ctx context.Context, dst []float32, name string, data []byte, side int) error {
	jpeg, err := c.jpeg(ctx, name, data)
	if err != nil {
		return err
	}
	return centre(dst, name, jpeg, side)
}

func centre(dst []float32, name string, jpeg []byte, side int) error {
	if err := batch.Centre(dst, jpeg, side); err != nil {
		return &BadPicture{Name: name, Reason: Undecodable, Err: err}
	}
	return nil
}

func tooLarge(name string, size int64) *BadPicture {
	return &BadPicture{Name: name, Reason: TooLarge, Err: fmt.Errorf("it has %d bytes, %d are the limit", size, largestFile)}
}

// FilePictures are picture files. Without Convert they must be JPEGs.
type FilePictures struct {
	Paths   []string
	Convert Convert
}

// PictureFiles lists the files below a folder, by name; hidden ones are left out.
func PictureFiles(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		hidden := path != folder && d != nil && strings.HasPrefix(d.Name(), ".")
		if err == nil && hidden && d.IsDir() {
			return filepath.SkipDir
		}
		if err == nil && !hidden && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list pictures: %w", err)
	}
	return files, nil
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
func (p *FilePictures) Centre(ctx context.Context, dst []float32, i, side int) error {
	data, err := p.JPEG(ctx, i)
	if err != nil {
		return err
	}
	return centre(dst, p.Paths[i], data, side)
}
