"""The app's property list (Info.plist)."""

from __future__ import annotations

from typing import Any

from installers.product import APP_ID, MIME_TYPE, NAME, PUBLISHER, RECIPE_SUFFIX, SLUG, Product

APP = f"{NAME}.app"
OLDEST_MACOS = "14.0"
"""PyTorch's and ONNX Runtime's wheels need it."""
_TYPE = f"{APP_ID}.recipe"


def info(product: Product) -> dict[str, Any]:
    """What macOS has to know of the app."""
    return {
        "CFBundleDevelopmentRegion": "en",
        "CFBundleLocalizations": ["en", "it"],
        "CFBundleDisplayName": NAME,
        "CFBundleName": NAME,
        "CFBundleExecutable": SLUG,
        "CFBundleIconFile": "phi3studio.icns",
        "CFBundleIdentifier": APP_ID,
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": product.version,
        "CFBundleVersion": product.version,
        "LSApplicationCategoryType": "public.app-category.developer-tools",
        "LSMinimumSystemVersion": OLDEST_MACOS,
        "LSArchitecturePriority": ["arm64"],
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": f"{PUBLISHER}. {product.licence} licence.",
        "NSPrincipalClass": "NSApplication",
        "NSSupportsAutomaticGraphicsSwitching": True,
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": f"{NAME} recipe",
                "CFBundleTypeRole": "Editor",
                "LSHandlerRank": "Owner",
                "LSItemContentTypes": [_TYPE],
            }
        ],
        "UTExportedTypeDeclarations": [
            {
                "UTTypeIdentifier": _TYPE,
                "UTTypeDescription": f"{NAME} recipe",
                "UTTypeConformsTo": ["public.text"],
                "UTTypeTagSpecification": {
                    "public.filename-extension": [RECIPE_SUFFIX.removeprefix(".")],
                    "public.mime-type": MIME_TYPE,
                },
            }
        ],
    }
