//go:build clouds

package export

// Google's and Azure's drivers, which make the program larger by two thirds: gRPC and its
// company come along.
import (
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
)
