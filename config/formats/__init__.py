"""How dates and times are written, wherever a template or the admin shows one (`FORMAT_MODULE_PATH`)."""
