"""ONNX: the restorer as graphs for other runtimes, and `OnnxEnhancer`, which runs them by onnxruntime.

Needs the packages onnx (to export) and onnxruntime, an optional extra; they are imported where they are used.
"""

from enhancer.onnx.exporting import export
from enhancer.onnx.folder import OnnxConfig
from enhancer.onnx.runner import OnnxEnhancer

__all__ = ["OnnxConfig", "OnnxEnhancer", "export"]
