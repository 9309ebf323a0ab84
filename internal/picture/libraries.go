package picture

/*
#include <stdio.h>
#include <jpeglib.h>
#include <lcms2.h>
#include <libdeflate.h>
#include <vips/vips.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#ifdef LIBJPEG_TURBO_VERSION
#define JPEG_LIBRARY "libjpeg-turbo"
#define JPEG_VERSION TEXT(LIBJPEG_TURBO_VERSION)
#else
#define JPEG_LIBRARY "libjpeg"
#define JPEG_VERSION TEXT(JPEG_LIB_VERSION)
#endif
*/
import "C"

import "fmt"

// Library is one that the program is linked to.
type Library struct{ Name, Version, For string }

// Libraries are those for pictures and archives. Of libjpeg and libdeflate, which do not
// tell at run time, the version is that of the build.
func Libraries() []Library {
	lcms := int(C.cmsGetEncodedCMMversion())
	return []Library{
		{"libvips", C.GoString(C.vips_version_string()), "pictures from the web"},
		{C.JPEG_LIBRARY, C.JPEG_VERSION, "JPEGs"},
		{"Little CMS", fmt.Sprintf("%d.%d", lcms/1000, lcms%1000/10), "colour profiles"},
		{"libdeflate", C.LIBDEFLATE_VERSION_STRING, "PNGs and archives"},
	}
}
