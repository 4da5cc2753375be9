# The images of all that runs in a cluster: `make images`, or `docker buildx bake catalog` for one.

variable "REPOSITORY" {
  description = "What the names of the images begin with, a registry's host too where they are pushed"
  default     = "weft"
}

variable "VERSION" {
  description = "The tag, and what an instance registers as its version"
  default     = "0.1.0"
}

variable "REVISION" {
  description = "The commit that they are built from"
  default     = "unknown"
}

variable "BUILD_IMAGE" {
  description = "Has Node 24, npm and a shell"
  default     = "node:24-bookworm-slim"
}

variable "NODE_IMAGE" {
  description = "Has Node 24, and needs nothing else"
  default     = "gcr.io/distroless/nodejs24-debian12"
}

group "default" {
  targets = ["image"]
}

target "image" {
  name       = image.name
  matrix     = {
    image = [
      { name = "catalog", dockerfile = "services/catalog/Dockerfile" },
      { name = "identity", dockerfile = "services/identity/Dockerfile" },
      { name = "ordering", dockerfile = "services/ordering/Dockerfile" },
      { name = "edge", dockerfile = "edge/Dockerfile" },
      { name = "tools", dockerfile = "deploy/docker/tools.Dockerfile" },
    ]
  }
  context    = "."
  dockerfile = image.dockerfile
  tags       = ["${REPOSITORY}/${image.name}:${VERSION}"]
  args = {
    BUILD_IMAGE = BUILD_IMAGE
    NODE_IMAGE  = NODE_IMAGE
    VERSION     = VERSION
    REVISION    = REVISION
  }
}
