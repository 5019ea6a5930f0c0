"""HTTP as every module speaks it: headers, problems, replies, the envelope around each request."""
