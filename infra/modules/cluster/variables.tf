variable "name" {
  description = "Name of the Kind cluster."
  type        = string
}

variable "node_image" {
  description = "Image of the node, which sets the version of Kubernetes; the provider's own choice if null."
  type        = string
}

variable "kubeconfig" {
  description = "Path at which the cluster's kubeconfig is written."
  type        = string
}

variable "project" {
  description = "Folder of the project, from which the image is built."
  type        = string
}

variable "build_image" {
  description = "Whether the image is built and loaded into the cluster."
  type        = bool
}

variable "base_image" {
  description = "Image of Python that the image is built on; the Dockerfile's own if null."
  type        = string
}

variable "image_version" {
  description = "The project's version, for the image's label."
  type        = string
}
